/**
 * The threads of a build: each one an engine of its own with its own wasm memory, doing jobs in the
 * order given. One thread is this very one: a small build starts none.
 *
 * What a job answers never depends on which thread did it, nor on how many there are.
 */

import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, SltdError } from '../../src/errors.ts';
import { BuildJobs, type JobInput, type JobName, type JobOutput } from './build-jobs.ts';

/** Jobs that a thread is given ahead, so that it never waits for the next one. */
const JOBS_AHEAD = 2;

/** What a thread sends back. */
export type Reply =
  | { id: number; value: unknown }
  | { id: number; code: ErrorCode; detail: string | undefined }
  | { id: number; fault: string };

/** One thread; jobs run one after the other. */
export interface Thread {
  run<Name extends JobName>(
    name: Name,
    input: JobInput<Name>,
    transfer?: readonly ArrayBuffer[],
  ): Promise<JobOutput<Name>>;
}

export class Threads {
  readonly all: readonly Thread[];
  readonly #close: () => void;

  constructor(count: number) {
    if (count === 1) {
      this.all = [new OwnThread()];
      this.#close = () => {};
    } else {
      const workers = Array.from({ length: count }, () => new WorkerThread());
      this.all = workers;
      this.#close = () => {
        for (const worker of workers) worker.close();
      };
    }
  }

  /** Every item to whichever thread is free; the first error ends it. */
  async share<Item>(
    items: Iterable<Item>,
    work: (thread: Thread, item: Item) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const rest = items[Symbol.iterator]();
    let isFailed = false;
    const lane = async (thread: Thread): Promise<void> => {
      for (;;) {
        if (isFailed) return;
        const next = rest.next();
        if (next.done) return;
        try {
          signal?.throwIfAborted();
          await work(thread, next.value);
        } catch (error) {
          isFailed = true;
          throw error;
        }
      }
    };
    const lanes = this.all.flatMap((thread) => Array.from({ length: JOBS_AHEAD }, () => thread));
    await Promise.all(lanes.map(lane));
  }

  /** Ends the threads, whatever they are doing. */
  close(): void {
    this.#close();
  }
}

/** How many threads a build takes if not told: one for little, else one a core. */
export function threadCountFor(inputBytes: number): number {
  return inputBytes < 16 * 1024 ** 2 ? 1 : availableParallelism();
}

/** This thread: no copying, and a breath between jobs for a Ctrl-C. */
class OwnThread implements Thread {
  #jobs: Promise<BuildJobs> | undefined;

  async run<Name extends JobName>(name: Name, input: JobInput<Name>): Promise<JobOutput<Name>> {
    this.#jobs ??= BuildJobs.start();
    const jobs = await this.#jobs;
    await setImmediate();
    return jobs.run(name, input).value;
  }
}

interface Waiting {
  resolve(value: never): void;
  reject(error: unknown): void;
}

class WorkerThread implements Thread {
  readonly #worker = new Worker(new URL('./build-worker.ts', import.meta.url));
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #failure: Error | undefined;

  constructor() {
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread of the build ended early')));
  }

  run<Name extends JobName>(
    name: Name,
    input: JobInput<Name>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<JobOutput<Name>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, name, input }, [...transfer]);
    });
  }

  close(): void {
    this.#failure = new Error('the build is over');
    this.#waiting.clear();
    void this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('value' in reply) waiting?.resolve(reply.value as never);
    else if ('code' in reply) {
      const options = reply.detail === undefined ? {} : { detail: reply.detail };
      waiting?.reject(new SltdError(reply.code, options));
    } else waiting?.reject(new Error(reply.fault));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
