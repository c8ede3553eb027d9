/** The edition before and its operations make the new one, record for record, or it is refused. */

import { describe, expect, test } from 'vitest';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { TOLERANCE_MS } from '../../data-build/replay/expected-keys.ts';
import type { ReplayOperation } from '../../data-build/replay/operation-file.ts';
import { differenceLines, replayMatches } from '../../data-build/replay/replay-editions.ts';
import type { ReadableStore } from '../../publish/read-object.ts';
import { decodeHead } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName } from '../../src/format/names.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { buildEdition, makeTestKeys, type TestRecord } from '../support/edition.ts';
import { build, sltdCsv, workspace } from './workspace.ts';

const BASE = Date.UTC(2026, 0, 14, 3);
const NEXT = BASE + 24 * 3_600_000;
const NOON = BASE + 9 * 3_600_000;
const module = readMatcherModule();
const keys = await makeTestKeys();

/** A record as "state number category", all passports. */
const recordOf = (text: string): TestRecord => {
  const [state, number, category] = text.split(' ') as [string, string, TestRecord['category']];
  return { documentClass: 'passport', state, number, category };
};
const SOME = Array.from({ length: 300 }, (_, i) => `UTO B${String(i).padStart(6, '0')} lost`);
const ALSO = Array.from({ length: 40 }, (_, i) => `D T${String(i).padStart(6, '0')} stolen`);

type Line = Partial<ReplayOperation>;
const added = (key: string, rest: Line = {}) => ({ kind: 'added', key, ...rest });
const withdrawn = (key: string, rest: Line = {}) => ({ kind: 'withdrawn', key, ...rest });
const logOf = (operations: readonly object[]) =>
  operations.map((operation, i) => ({
    ...{ seq: i + 1, category: 'lost', recordId: `r${i}`, at: NOON, ...operation },
  })) as unknown as ReplayOperation[];

/** Makes both editions and holds the one against the other. */
async function replay({ next, operations }: { next: string[]; operations: object[] }) {
  const objects = new Map<string, Uint8Array>();
  const editionOf = async (records: string[], asOf: number) => {
    const spec = { records: records.map(recordOf), asOf, keysPerShard: 64 };
    const made = await buildEdition(spec, keys, module);
    for (const [name, bytes] of made) objects.set(name, bytes);
    const { manifestSha256 } = decodeHead(made.get(HEAD_NAME)!);
    return openManifest(made.get(objectName('manifests', manifestSha256))!);
  };
  const store: ReadableStore = {
    get: async (name) => ({ bytes: objects.get(name)!, version: name }),
  };
  const result = await replayMatches({
    base: { store, manifest: await editionOf([...SOME, ...ALSO], BASE) },
    next: { store, manifest: await editionOf(next, NEXT) },
    matcher: new WasmMatcher(module),
    epochKey: keys.epochKey,
    operations: logOf(operations),
  });
  return differenceLines(result).join('; ') || 'matches';
}

describe('a new edition', () => {
  test('that is the old one with its operations comes into force', async () => {
    const next = ['UTO NEW1 stolen', ...SOME.slice(1), ...ALSO, 'D T000003 stolen'];
    const operations = [
      added('PUTONEW1', { category: 'stolen' }),
      withdrawn('PUTOB000000'),
      // Came and went, and a correction of the category.
      added('PUTONEW2', { recordId: 'x' }),
      withdrawn('PUTONEW2', { recordId: 'x' }),
      withdrawn('PUTOB000001', { recordId: 'a' }),
      added('PUTOB000001', { recordId: 'b' }),
    ];
    expect(await replay({ next, operations })).toBe('matches');
  });

  test('that is the same one needs no operation', async () => {
    expect(await replay({ next: [...SOME, ...ALSO], operations: [] })).toBe('matches');
  });

  test.each<[string, string[], object[], string]>([
    ['lost a record', [...SOME.slice(1), ...ALSO], [], 'UTO: 1 lost'],
    ['has a record from nowhere', [...SOME, ...ALSO, 'UTO X1 lost'], [], 'UTO: 1 from nowhere'],
    [
      'lost one and has another from nowhere, as with a digit changed',
      [...SOME.slice(1), 'UTO B900000 lost', ...ALSO],
      [],
      'UTO: 1 lost, 1 from nowhere',
    ],
    [
      'has a record with another category',
      ['UTO B000000 stolen', ...SOME.slice(1), ...ALSO],
      [],
      'UTO: 1 lost, 1 from nowhere',
    ],
    ['lacks a report', [...SOME, ...ALSO], [added('PUTONEW1')], 'UTO: 1 reported and missing'],
    [
      'lacks a report of a state that it does not know',
      [...SOME, ...ALSO],
      [added('PZZZNEW1')],
      'ZZZ: 1 reported and missing',
    ],
    [
      'has a report with a lower category',
      [...SOME, ...ALSO, 'UTO NEW1 lost'],
      [added('PUTONEW1', { category: 'stolen' })],
      'UTO: 1 of a lower category',
    ],
    [
      'still has what was withdrawn',
      [...SOME, ...ALSO],
      [withdrawn('PUTOB000000')],
      'UTO: 1 withdrawn and still listed',
    ],
    ['lost a whole state', SOME, [], 'D: 40 lost'],
    [
      'is wrong in two states',
      [...SOME.slice(2), ...ALSO.slice(0, 39)],
      [],
      'D: 1 lost; UTO: 2 lost',
    ],
  ])('that %s is refused, and says so', async (_, next, operations, detail) => {
    expect(await replay({ next, operations })).toBe(detail);
  });

  test.each<[string, string[], object[]]>([
    [
      'an operation near the base',
      [...SOME, ...ALSO],
      [added('PUTONEW1', { at: BASE + TOLERANCE_MS })],
    ],
    ['one near the end', [...SOME, ...ALSO], [added('PUTONEW1', { at: NEXT - TOLERANCE_MS + 1 })]],
    [
      'one just after, that the export has already',
      [...SOME, ...ALSO, 'UTO NEW1 lost'],
      [added('PUTONEW1', { at: NEXT + TOLERANCE_MS })],
    ],
    [
      'a withdrawal of one record of several',
      [...SOME, ...ALSO],
      [withdrawn('PUTOB000000', { elsewhere: true })],
    ],
    [
      'an old report that the export has now, and not before',
      [...SOME, ...ALSO, 'UTO NEW1 lost'],
      [added('PUTONEW1', { at: BASE - 2 * TOLERANCE_MS, unconfirmed: true })],
    ],
    [
      'an old report that the export still has not',
      [...SOME, ...ALSO],
      [added('PUTONEW1', { at: BASE - 2 * TOLERANCE_MS, unconfirmed: true })],
    ],
  ])('may go either way with %s', async (_, next, operations) => {
    expect(await replay({ next, operations })).toBe('matches');
  });

  test('is not held against what came long before or after', async () => {
    const operations = [
      added('PUTONEW1', { at: BASE - TOLERANCE_MS }),
      added('PUTONEW2', { at: NEXT + TOLERANCE_MS + 1 }),
    ];
    expect(await replay({ next: [...SOME, ...ALSO], operations })).toBe('matches');
  });
});

test('a list of another world is told without counting all of it', async () => {
  const next = Array.from({ length: 400 }, (_, i) => `UTO C${String(i).padStart(6, '0')} lost`);
  expect(await replay({ next, operations: [] })).toMatch(
    /^D: 40 lost; UTO: at least \d+ lost, \d+ from nowhere$/,
  );
});

describe('a build with a file of operations', () => {
  const space = workspace();
  const csvOf = (records: readonly string[]) =>
    sltdCsv(
      ...records.map((text) => {
        const [state, number, category] = text.split(' ');
        return `${state},PAS,${number},,,${category}`;
      }),
    );
  const outDir = space.path('edition');
  const options = { outDir, nonMemberCount: 1_000, threadCount: 1 };
  const nextBuild = (records: readonly string[], operations: readonly object[]) => {
    const lines = operations.map((operation) => `${JSON.stringify(operation)}\n`);
    const file = space.write('operations.ndjson', lines.join(''));
    const files = [space.write('next.csv', csvOf(records))];
    return build(space, { ...options, files, asOf: NEXT, log: { file } });
  };

  test('puts the edition in force only if it matches; the first has nothing to match', async () => {
    const files = [space.write('base.csv', csvOf(SOME))];
    const file = space.write('none.ndjson', '');
    await build(space, { ...options, files, asOf: BASE, log: { file } });
    const next = [...SOME, 'UTO NEW1 stolen'];
    await expect(nextBuild(next, [])).rejects.toMatchObject({
      code: 'gate-refused',
      quarantine: { refusals: [{ gate: 'replay', details: ['UTO: 1 from nowhere'] }] },
    });
    const wrong = await nextBuild(next, [{ key: 'no key' }]).catch((error) => error);
    expect(wrong).toMatchObject({ code: 'input-schema' });
    expect(String(wrong)).not.toContain('no key');
    const operations = logOf([added('PUTONEW1', { category: 'stolen' })]);
    expect(await nextBuild(next, operations)).toMatchObject({
      ...{ sequence: 2, gates: { replayed: { operations: 1, keys: 1 } } },
    });
  });
});
