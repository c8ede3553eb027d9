/**
 * Which bytes the input files hold: a build that goes on where another one ended must be of the same.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { SltdError } from '../../src/errors.ts';
import type { Progress } from '../progress.ts';
import { bytesOf } from '../import/read-export.ts';

const HASH_BYTES = 1024 * 1024;

/** SHA-256 of each input file, in hexadecimal; 'input-unreadable' if one cannot be read. */
export async function digestsOf(
  files: readonly string[],
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  progress.start('inputs');
  const totalBytes = bytesOf(files);
  let done = 0;
  const digests: string[] = [];
  for (const path of files) {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: HASH_BYTES, signal })) {
        hash.update(chunk as Buffer);
        done += (chunk as Buffer).length;
        progress.update(done, totalBytes, 'bytes');
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw new SltdError('input-unreadable', { detail: 'no access', cause });
    }
    digests.push(hash.digest('hex'));
  }
  return digests;
}
