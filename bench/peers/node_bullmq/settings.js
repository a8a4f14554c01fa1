// Addresses come from the environment; the rest is what a small school would set.
const { env } = process;

export const http = { host: '127.0.0.1', port: Number(env.PEER_HTTP_PORT) };
export const postgres = {
  host: env.PEER_DB_HOST,
  port: Number(env.PEER_DB_PORT),
  user: env.PEER_DB_USER,
  database: env.PEER_DB_NAME,
};
export const redis = { host: '127.0.0.1', port: Number(env.PEER_REDIS_PORT) };
export const smtp = { host: env.PEER_SMTP_HOST, port: Number(env.PEER_SMTP_PORT) };
export const from = 'Hillside School <office@hillside.example>';
export const signUpUrl = 'https://families.hillside.example/signup';
export const invitationDays = 7;
export const queueName = 'invitations';
// Emails in flight per worker, and the SMTP sessions they share.
export const concurrency = Number(env.PEER_CONCURRENCY ?? 50);
export const connections = Number(env.PEER_CONNECTIONS ?? 5);
