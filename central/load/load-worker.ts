/** A thread of a load. */

import { serveJobs } from '../../data-build/threads/serve-jobs.ts';
import { LoadJobs } from './load-jobs.ts';

serveJobs(new LoadJobs());
