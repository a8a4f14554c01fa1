// Web process: invites one parent, or all parents of a file.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { parse } from 'csv-parse';
import { invite, migrate } from './inviting.js';
import * as settings from './settings.js';

const BATCH = 1_000;

async function inviteAll(request) {
  let batch = [];
  let invited = 0;
  const flush = async () => {
    await invite(batch);
    invited += batch.length;
    batch = [];
  };
  for await (const row of request.pipe(parse({ columns: true }))) {
    batch.push({ name: row.father_name, email: row.parents_email });
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  return { invited };
}

async function inviteOne(request) {
  const { name, email } = await json(request);
  await invite([{ name, email }]);
  return { invited: 1 };
}

const routes = { 'POST /imports': inviteAll, 'POST /parents': inviteOne };

const server = createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  try {
    const answer = route ? await route(request) : { error: 'not found' };
    response.writeHead(route ? 202 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  } catch (error) {
    console.error(error);
    response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error.message }));
  }
});

await migrate();
server.listen(settings.http.port, settings.http.host);
