/** `sltd gc`: takes away what no edition needs any more. */

import { collectGarbage, type GarbageResult } from '../../publish/collect-garbage.ts';
import { openStore } from '../../publish/open-store.ts';
import { verifyKeys } from '../../src/format/signature.ts';
import { type Command, EXIT, KEYS_OPTION } from '../command.ts';
import { publicKeysText, readKeys } from '../keys/keys.ts';
import { Progress } from '../progress.ts';

export const GC: Command = {
  name: 'gc',
  summary: 'tells what no edition needs any more, or takes it away; keeps 7 editions and 72 hours',
  operands: 'STORE',
  operandCount: { min: 1, max: 1 },
  options: {
    keys: KEYS_OPTION,
    yes: { help: 'takes it away; otherwise it is only told' },
  },
  run: async ({ values, switches, operands, signal }) => {
    const keys = readKeys(values.keys, ['head']);
    const store = openStore(operands[0]!);
    const progress = new Progress(process.stderr);
    const dryRun = !switches.has('yes');
    progress.start(dryRun ? 'look' : 'take');
    const result = await collectGarbage(store, {
      ...{ headKeys: await verifyKeys(publicKeysText(keys, 'head')), dryRun, signal },
      onProgress: (done, total) => progress.update(done, total, 'objects'),
    });
    progress.finish();
    print(result, dryRun);
    return EXIT.ok;
  },
};

function print({ kept, taken }: GarbageResult, dryRun: boolean): void {
  if (!process.stdout.isTTY) {
    process.stdout.write(`${JSON.stringify({ dryRun, kept, taken })}\n`);
    return;
  }
  const stay = kept.map(
    ({ edition, asOf, use }) => `${edition}  ${new Date(asOf).toISOString()}  ${use}`,
  );
  const lines = Object.entries(taken).map(
    ([folder, { objects, bytes }]) => `${folder.padEnd(10)} ${objects} objects, ${bytes} bytes`,
  );
  const what = dryRun ? 'would go; give --yes to take them away' : 'are gone';
  process.stdout.write(
    `${lines.join('\n')}\n${what}; ${kept.length} editions stay:\n${stay.join('\n')}\n`,
  );
}
