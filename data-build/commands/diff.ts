/** `sltd diff`: how two editions of a store differ, state by state. */

import { diffEditions, type EditionDifference } from '../../publish/diff-editions.ts';
import { findEdition } from '../../publish/find-edition.ts';
import { openStore } from '../../publish/open-store.ts';
import { readManifest } from '../../publish/read-manifest.ts';
import type { Restriction } from '../../src/format/restrictions.ts';
import { verifyKeys } from '../../src/format/signature.ts';
import { type Command, EXIT, KEYS_OPTION } from '../command.ts';
import { publicKeysText, readKeys } from '../keys/keys.ts';
import { Progress } from '../progress.ts';

export const DIFF: Command = {
  name: 'diff',
  summary: 'counts the records added, gone and changed between two editions, by state',
  operands: 'STORE A B',
  operandCount: { min: 3, max: 3 },
  options: {
    keys: KEYS_OPTION,
    json: { help: 'prints JSON' },
  },
  run: async ({ values, switches, operands, signal }) => {
    const [location, ...names] = operands;
    const keys = readKeys(values.keys, ['edition', 'head']);
    const store = openStore(location!);
    const headKeys = await verifyKeys(publicKeysText(keys, 'head'));
    const editionKeys = await verifyKeys(publicKeysText(keys, 'edition'));
    const open = async (name: string) =>
      (await readManifest(store, await findEdition(store, headKeys, name), editionKeys)).manifest;
    const [before, after] = [await open(names[0]!), await open(names[1]!)];
    const progress = new Progress(process.stderr);
    progress.start('compare');
    const difference = await diffEditions(store, before, after, {
      onProgress: (done, total) => progress.update(done, total, 'states'),
      signal,
    });
    progress.finish();
    const text = switches.has('json') ? JSON.stringify(difference) : textOf(difference);
    process.stdout.write(`${text}\n`);
    return EXIT.ok;
  },
};

function textOf({ isComparable, states, total, restrictions }: EditionDifference): string {
  const rows = [...states, { state: 'all', ...total }].map(
    ({ state, before, after, added, gone, changed }) => [
      state,
      before,
      after,
      added,
      gone,
      changed,
    ],
  );
  const table = [['state', 'before', 'after', 'added', 'gone', 'changed'], ...rows].map((row) =>
    row.map((cell, i) => String(cell ?? '-')[i === 0 ? 'padEnd' : 'padStart'](11)).join(''),
  );
  const note = 'built under two epoch keys: only counts can be compared';
  const lines = (rows: readonly Restriction[], word: string) =>
    rows.map(({ source, excluded }) => `records of ${source} ${word} kept from ${excluded}`);
  return [
    ...[...table, ...(isComparable ? [] : [note])],
    ...[...lines(restrictions.added, 'are now'), ...lines(restrictions.gone, 'are no longer')],
  ].join('\n');
}
