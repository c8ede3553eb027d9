/** The thread's end of threads.ts: takes jobs from its parent, one at a time, and sends back what they answer. */

import { parentPort } from 'node:worker_threads';
import { assert, SltdError } from '../../src/errors.ts';
import { runJob, type Reply } from './threads.ts';

interface Message {
  id: number;
  name: string;
  input: unknown;
}

/** Do whatever jobs the parent asks for. */
export function serveJobs(jobs: object): void {
  const port = parentPort;
  assert(port !== null, 'a thread of its own');
  port.on('message', ({ id, name, input }: Message) => {
    try {
      const { value, transfer = [] } = runJob(jobs, name, input);
      port.postMessage({ id, value } satisfies Reply, [...transfer]);
    } catch (error) {
      port.postMessage(failureOf(id, error));
    }
  });
}

/** An error in parts: its class does not survive the way between threads. */
function failureOf(id: number, error: unknown): Reply {
  if (error instanceof SltdError) return { id, code: error.code, detail: error.detail };
  // Our own mistake, or the machine's: its words hold no record.
  return { id, fault: error instanceof Error ? error.message : 'unknown' };
}
