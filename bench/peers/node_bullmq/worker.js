// Worker process: one email per job, many jobs at the same time.
import { Worker } from 'bullmq';
import { send } from './mail.js';
import * as settings from './settings.js';

const worker = new Worker(settings.queueName, (job) => send(job.data), {
  connection: settings.redis,
  concurrency: settings.concurrency,
});
worker.on('failed', (job, error) => console.error(job?.id, error.message));
worker.on('error', (error) => console.error(error.message));
