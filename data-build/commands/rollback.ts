/** `sltd rollback`: puts an earlier edition in force again, under a higher sequence. */

import { openStore } from '../../publish/open-store.ts';
import { rollBack } from '../../publish/rollback.ts';
import { toHex } from '../../src/format/names.ts';
import { signingKey, verifyKeys } from '../../src/format/signature.ts';
import { type Command, EXIT, KEYS_OPTION } from '../command.ts';
import { findEpochKey } from '../edition/open-edition.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { publicKeysText, readKeys } from '../keys/keys.ts';
import { Progress } from '../progress.ts';

export const ROLLBACK: Command = {
  name: 'rollback',
  summary: 'puts an earlier edition in force again, after all of it was read back and proved',
  operands: 'STORE',
  operandCount: { min: 1, max: 1 },
  options: {
    to: {
      value: 'EDITION',
      help: '"previous", an edition id, or 8 digits of its start',
      required: true,
    },
    keys: KEYS_OPTION,
    'drop-overlay': { help: 'even if reports are newer than that edition' },
  },
  run: async ({ values, switches, operands, signal }) => {
    const keys = readKeys(values.keys, ['epochKey', 'edition', 'head']);
    const store = openStore(operands[0]!);
    const progress = new Progress(process.stderr);
    progress.start('verify');
    const { head, proved } = await rollBack(store, {
      ...{ to: values.to!, signer: await headSignerOf(keys), signal },
      editionKey: await signingKey({ ...keys.edition }),
      editionKeys: await verifyKeys(publicKeysText(keys, 'edition')),
      check: async ({ epochKeyId }) => {
        await findEpochKey(keys, epochKeyId);
      },
      dropsOverlay: switches.has('drop-overlay'),
      onProgress: (done, total) => progress.update(done, total, 'pages'),
    });
    progress.finish();
    const summary = {
      ...{ edition: toHex(head.manifestSha256), store: store.location, sequence: head.sequence },
      asOf: new Date(head.asOf).toISOString(),
      issuedAt: new Date(head.issuedAt).toISOString(),
      ...{ pages: proved.pages, pageBytes: proved.bytes },
    };
    process.stdout.write(`${JSON.stringify(summary, null, process.stdout.isTTY ? 2 : 0)}\n`);
    return EXIT.ok;
  },
};
