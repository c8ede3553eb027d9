import { tryLock } from '../../publish/lock-file.ts';
import { SltdError } from '../../src/errors.ts';

/** Runs `work` while no other run does; 'job-running' if one is under way. */
export async function withRunLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = tryLock(path, `${path}.${process.pid}`);
  if (!lock) throw new SltdError('job-running');
  try {
    return await work();
  } finally {
    lock.release();
  }
}
