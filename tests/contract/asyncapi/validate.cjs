// Usage: node validate.cjs <document>, in a folder with node_modules. Prints what the official parser objects to; exit 1 then.
const { readFileSync } = require("node:fs");
const { Parser } = require(require.resolve("@asyncapi/parser", { paths: [process.cwd()] }));

const ERROR = 0;

new Parser().parse(readFileSync(process.argv[2], "utf8")).then(({ document, diagnostics }) => {
  const objections = diagnostics.filter((diagnostic) => diagnostic.severity === ERROR);
  for (const { path, message } of objections) console.log(`${path.join(".")}: ${message}`);
  if (document) console.log(`channels: ${document.channels().length}, messages: ${document.messages().length}`);
  process.exitCode = objections.length > 0 || !document ? 1 : 0;
});
