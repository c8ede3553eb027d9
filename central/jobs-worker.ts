/** The thread of jobs-thread.ts: its settings are those of the service, from the same environment. */

import { parentPort } from 'node:worker_threads';
import { storeIn } from './cases/sightings.ts';
import { databaseLocation, serveConfig } from './config.ts';
import { openForService } from './database/database.ts';
import { writeLogLine } from './http/request-log.ts';
import { startJobs } from './jobs.ts';
import type { FromThread, ToThread } from './jobs-thread.ts';

const port = parentPort!;
const post = (message: FromThread) => port.postMessage(message);
const config = await serveConfig(process.env);
const db = openForService(databaseLocation(process.env));
const store = storeIn(db);
const jobs = startJobs({ db, ...config, clock: Date.now, log: writeLogLine });

port.on('message', async (message: ToThread) => {
  if (message === 'halt') {
    await jobs.stop();
    post('halted');
  } else if (message === 'end') {
    await jobs.stop();
    await db.destroy();
    port.close();
  } else {
    post({ number: message.number, outcome: await store(message.rows) });
  }
});
