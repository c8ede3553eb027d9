/**
 * `sltd tag-key`: the tag key of the oldest month that is still needed, in place of an older one.
 *
 * What is replaced cannot be made again: with it die the tags of its month (src/format/tag-key.ts).
 */

import { SltdError } from '../../src/errors.ts';
import {
  monthOf,
  parseTagKey,
  TAG_KEPT_MS,
  tagKeyOfMonth,
  tagKeyText,
} from '../../src/format/tag-key.ts';
import { type Command, EXIT, KEYS_OPTION, printSecret } from '../command.ts';
import { readKeys, writeKeys } from '../keys/keys.ts';

export const TAG_KEY: Command = {
  name: 'tag-key',
  summary: 'moves the key of the tags of checks on, so that older tags die',
  options: {
    keys: KEYS_OPTION,
    out: { value: 'FILE', help: 'keys file to write, instead of the setting TAG_KEY into a pipe' },
  },
  run: async ({ values }) => {
    const keys = readKeys(values.keys);
    const before = parseTagKey(keys.tag ?? '');
    if (!before) throw new SltdError('config-invalid', { detail: 'no tag key in the keys file' });
    const needed = monthOf(Date.now() - TAG_KEPT_MS);
    const tag = tagKeyText((await tagKeyOfMonth(before, needed)) ?? before);
    if (values.out === undefined) printSecret('TAG_KEY', `${tag}\n`);
    else writeKeys(values.out, { ...keys, tag });
    return EXIT.ok;
  },
};
