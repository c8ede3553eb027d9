/**
 * Which export it was: one digest over all input files.
 *
 * The build writes it into the manifest and central into its answers: two exports may bear the same
 * date, and a negative is worth something only from the very export that the edition was built from,
 * or from later data (promise 1). The profile counts as well: the same file read in another way is
 * another list. One function, so that both always mean the same.
 */

import { sha256 } from '../../src/format/names.ts';
import type { Profile } from './profile.ts';
import type { FileSummary } from './read-rows.ts';

/** SHA-256 over the profile's table as JSON and the SHA-256s of the input files, in order. */
export function inputsSha256Of(
  profile: Profile,
  files: readonly Pick<FileSummary, 'sha256'>[],
): Promise<Uint8Array> {
  const table = Buffer.from(JSON.stringify(profile));
  return sha256(Buffer.concat([table, ...files.map((file) => file.sha256)]));
}
