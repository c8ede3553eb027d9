/** `sltd heartbeat`: signs the head again, so that readers see that somebody is there. */

import { heartbeat } from '../../publish/head.ts';
import { openStore } from '../../publish/open-store.ts';
import { type Command, EXIT, KEYS_OPTION, wholeNumber } from '../command.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { readKeys } from '../keys/keys.ts';

export const HEARTBEAT: Command = {
  name: 'heartbeat',
  summary:
    'signs the head of a directory or s3://bucket/prefix again, with the present as its time',
  operands: 'STORE',
  operandCount: { min: 1, max: 1 },
  options: {
    keys: KEYS_OPTION,
    above: { value: 'N', help: 'lifts the sequence above this one, after a theft of the head key' },
  },
  run: async (input) => {
    const { values, operands } = input;
    const above =
      values.above === undefined
        ? undefined
        : wholeNumber(input, 'above', { min: 0, max: 999_999_999_999_999 });
    const signer = await headSignerOf(readKeys(values.keys, ['head']));
    const head = await heartbeat(openStore(operands[0]!), signer, { above });
    const issuedAt = new Date(head.issuedAt).toISOString();
    process.stdout.write(`sequence ${head.sequence} signed at ${issuedAt}\n`);
    return EXIT.ok;
  },
};
