// One row per parent, and one job per email once the rows are committed.
import { createHash, randomBytes } from 'node:crypto';
import { Queue } from 'bullmq';
import pg from 'pg';
import * as settings from './settings.js';

const pool = new pg.Pool(settings.postgres);
const queue = new Queue(settings.queueName, {
  connection: settings.redis,
  // A job leaves the queue when its email was accepted, and is retried with growing delays otherwise.
  defaultJobOptions: {
    attempts: 8,
    backoff: { type: 'exponential', delay: 1_000 },
    removeOnComplete: true,
    removeOnFail: 1_000,
  },
});

export async function migrate() {
  await pool.query(`
    CREATE TABLE IF NOT EXISTS parent (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text NOT NULL,
      email text NOT NULL,
      token_hash text NOT NULL UNIQUE,
      expires_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS parent_email ON parent (email)`);
}

// people: [{ name, email }]
export async function invite(people) {
  const expiresAt = new Date(Date.now() + settings.invitationDays * 86_400_000).toISOString();
  const tokens = people.map(() => randomBytes(32).toString('base64url'));
  await pool.query(
    `INSERT INTO parent (name, email, token_hash, expires_at)
     SELECT name, email, token_hash, $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS t (name, email, token_hash)`,
    [people.map((p) => p.name), people.map((p) => p.email), tokens.map(digest), expiresAt],
  );
  // Only the digest is in the database, so a job carries everything that its email contains, which also saves a query.
  await queue.addBulk(
    people.map(({ name, email }, i) => ({ name: 'invite', data: { name, email, token: tokens[i], expiresAt } })),
  );
}

const digest = (token) => createHash('sha256').update(token).digest('hex');
