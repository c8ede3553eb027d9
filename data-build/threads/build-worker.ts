/** A thread of a build: takes jobs from its parent, one at a time, and sends back what they answer. */

import { parentPort } from 'node:worker_threads';
import { SltdError } from '../../src/errors.ts';
import { BuildJobs, type JobInput, type JobName } from './build-jobs.ts';
import type { Reply } from './threads.ts';

interface Message {
  id: number;
  name: JobName;
  input: JobInput<JobName>;
}

const jobs = await BuildJobs.start();
const port = parentPort!;

port.on('message', ({ id, name, input }: Message) => {
  try {
    const { value, transfer = [] } = jobs.run(name, input);
    port.postMessage({ id, value } satisfies Reply, [...transfer]);
  } catch (error) {
    port.postMessage(failureOf(id, error));
  }
});

/** An error in parts: its class does not survive the way between threads. */
function failureOf(id: number, error: unknown): Reply {
  if (error instanceof SltdError) return { id, code: error.code, detail: error.detail };
  // Our own mistake, or the machine's: its words hold no record.
  return { id, fault: error instanceof Error ? error.message : 'unknown' };
}
