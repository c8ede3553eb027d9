/** The threads of a build. */

import { BuildJobs } from './build-jobs.ts';
import { type ThreadKind, Threads } from './threads.ts';

const BUILD: ThreadKind<BuildJobs> = {
  worker: new URL('./build-worker.ts', import.meta.url),
  start: () => BuildJobs.start(),
};

export const buildThreads = (count: number): Threads<BuildJobs> => new Threads(count, BUILD);
