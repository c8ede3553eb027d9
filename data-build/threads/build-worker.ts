/** A thread of a build. */

import { BuildJobs } from './build-jobs.ts';
import { serveJobs } from './serve-jobs.ts';

serveJobs(await BuildJobs.start());
