/** `sltd floor`: how new the edition in force in a store is, as settings of an edge. */

import { openStore } from '../../publish/open-store.ts';
import { type Command, EXIT, KEYS_OPTION, oneOf } from '../command.ts';
import { openInForce, openOverlayOf } from '../edition/open-edition.ts';
import { readKeys } from '../keys/keys.ts';

const FORMS = {
  env: (name: string, value: string) => `${name}=${value}\n`,
  vars: (name: string, value: string) => `--var ${name}:${value} `,
} as const;

export const FLOOR: Command = {
  name: 'floor',
  summary: 'prints how new a store is, as settings that let an edge take nothing older',
  operands: 'STORE',
  operandCount: { min: 1, max: 1 },
  options: {
    keys: KEYS_OPTION,
    as: { value: 'FORM', help: 'env, or vars for `wrangler deploy`', default: 'env' },
  },
  run: async (input) => {
    const form = FORMS[oneOf(input, 'as', ['env', 'vars'])];
    const keys = readKeys(input.values.keys, ['edition', 'overlay', 'head']);
    const store = openStore(input.operands[0]!);
    const { head, manifest } = await openInForce(store, keys);
    const overlay = await openOverlayOf(store, keys, head, manifest);
    const iso = (time: number) => new Date(time).toISOString();
    const settings = {
      ...{ SEQUENCE_FLOOR: String(head.sequence), PERMIT_FLOOR: iso(head.permittedAt) },
      ...(overlay ? { OVERLAY_FLOOR: iso(overlay.asOf) } : {}),
    };
    for (const [name, value] of Object.entries(settings)) process.stdout.write(form(name, value));
    return EXIT.ok;
  },
};
