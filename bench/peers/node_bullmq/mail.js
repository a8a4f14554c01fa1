// Email with HTML and text parts, over a pool of SMTP sessions.
import nodemailer from 'nodemailer';
import * as settings from './settings.js';

const transport = nodemailer.createTransport({
  ...settings.smtp,
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: settings.connections,
  maxMessages: Infinity,
});
const subject = 'Hillside School: please confirm your e-mail address';
const moment = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC',
});
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => text.replace(/[&<>"']/g, (char) => ENTITIES[char]);

export async function send({ name, email, token, expiresAt }) {
  const words = { name, link: `${settings.signUpUrl}/${token}`, until: moment.format(new Date(expiresAt)) };
  await transport.sendMail({
    from: settings.from,
    to: { name, address: email },
    subject,
    text: text(words),
    html: html({ ...words, name: escape(name) }),
  });
}

const text = ({ name, link, until }) => `Hello ${name},

Hillside School would like to invite you to its website for families. Before that, please confirm that this address is yours.

1. Press the button below.
2. Confirm on the page that opens.
3. Your invitation arrives right after that, in a second mail.

Confirm my address:
${link}

The link works until ${until} (UTC). It is meant for you alone: please do not pass it on.

--
You get this mail because Hillside School has this address on file for a parent or guardian. If that is a mistake, ignore this mail; without the link nothing happens, and the school's office can take the address off its list.
`;

const html = ({ name, link, until }) => `<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Please confirm your e-mail address</title>
<style>
body { margin: 0; padding: 0; background: #f3f5f7; color: #1c2733; }
@media (prefers-color-scheme: dark) {
  body, .page { background: #14191f !important; color: #e8edf2 !important; }
  .card { background: #1f2730 !important; }
  .quiet { color: #a9b6c3 !important; }
  .quiet a { color: #8fc1ff !important; }
}
</style>
</head>
<body>
<div class="page" style="background:#f3f5f7;padding:16px 8px;">
<div class="card" style="background:#ffffff;max-width:560px;margin:0 auto;padding:24px 20px;border-radius:10px;
 font:17px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;">
<p class="quiet" style="margin:0 0 4px;color:#526273;font-size:15px;">
Hillside School
</p>
<h1 style="margin:0 0 16px;font-size:23px;line-height:1.3;">
Please confirm your e-mail address
</h1>
<p style="margin:0 0 14px;">
Hello ${name},
</p>
<p style="margin:0 0 14px;">
Hillside School would like to invite you to its website for families. Before that, please confirm that this address is yours.
</p>
<ol style="margin:0 0 20px;padding-inline-start:24px;">
<li style="margin:0 0 4px;">Press the button below.</li>
<li style="margin:0 0 4px;">Confirm on the page that opens.</li>
<li style="margin:0 0 4px;">Your invitation arrives right after that, in a second mail.</li>
</ol>
<p style="margin:0 0 20px;">
<a style="display:block;background:#14539a;color:#ffffff;text-align:center;text-decoration:none;font-weight:600;
 padding:14px 18px;border-radius:8px;"
 href="${link}"
>Confirm my address</a>
</p>
<p style="margin:0 0 14px;font-size:15px;">
The link works until ${until} (UTC). It is meant for you alone: please do not pass it on.
</p>
<p class="quiet" style="margin:0 0 14px;color:#526273;font-size:15px;">If the button does not work, copy this address into your browser:<br>
<a style="color:#14539a;word-break:break-all;" dir="ltr"
 href="${link}">
${link}
</a></p>
<p class="quiet" style="margin:20px 0 0;padding-top:14px;border-top:1px solid #d7dee5;color:#526273;font-size:14px;">
You get this mail because Hillside School has this address on file for a parent or guardian. If that is a mistake, ignore this mail; without the link nothing happens, and the school's office can take the address off its list.
</p>
</div>
</div>
</body>
</html>
`;
