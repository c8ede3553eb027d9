/** `sltd keys`: makes the keys file of a deployment, or the next epoch of one. */

import { type Command, EXIT } from '../command.ts';
import { createKeys, readKeys, writeKeys } from '../keys.ts';

export const KEYS: Command = {
  name: 'keys',
  summary: 'makes a keys file (mode 600; never writes over one)',
  options: {
    out: { value: 'FILE', help: 'where to write it', required: true },
    previous: { value: 'FILE', help: 'keeps its keys, with a new epoch key beside the old one' },
  },
  run: async ({ values }) => {
    const before = values.previous === undefined ? undefined : readKeys(values.previous);
    writeKeys(values.out!, createKeys(before));
    process.stdout.write('keys written; keep the file from everybody else\n');
    return EXIT.ok;
  },
};
