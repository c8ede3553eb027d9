/** The gates, the quarantine, and its release. */

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { checkGates, type GateName } from '../../data-build/gates/gates.ts';
import { DEFAULT_LIMITS, gateLimits, parseLimits } from '../../data-build/gates/limits.ts';
import type { InputShape, ListShape } from '../../data-build/gates/list-shape.ts';
import { GateRefusal, listQuarantine } from '../../data-build/gates/quarantine.ts';
import { releaseEdition } from '../../data-build/gates/release.ts';
import type { GateReport } from '../../data-build/gates/pass-gates.ts';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { readHead } from '../../publish/head.ts';
import type { Restriction } from '../../src/format/restrictions.ts';
import { build, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();

const pair = (source: string, excluded: string) => ({ source, excluded }) as Restriction;

const INPUT: InputShape = {
  keys: 1_020_000,
  fileBytes: [60_000_000],
  columns: ['number', 'state'],
};
const LAST: ListShape = {
  ...{ asOf: Date.UTC(2025, 0, 30), inputsSha256: 'aa'.repeat(32), input: INPUT },
  states: { D: 600_000, FRA: 399_960, TUV: 40 },
  restrictions: [pair('D', 'FRA')],
};
const NEXT: ListShape = { ...LAST, asOf: Date.UTC(2025, 0, 31), inputsSha256: 'bb'.repeat(32) };

describe('a gate', () => {
  const gatesFor = (now: Partial<ListShape>, limits = DEFAULT_LIMITS): string[] =>
    checkGates({ before: LAST, now: { ...NEXT, ...now }, limits }).refusals.map(({ gate }) => gate);
  const states = (counts: Record<string, number>) => ({ states: { ...LAST.states, ...counts } });
  const input = (change: Partial<InputShape>) => ({ input: { ...INPUT, ...change } });

  test.each<[string, Partial<ListShape>, GateName[]]>([
    ['an ordinary day', states({ D: 600_100, FRA: 399_900 }), []],
    ['an older export', { asOf: LAST.asOf - 1 }, ['stale']],
    ['another export of the same time', { asOf: LAST.asOf }, []],
    ['the same export again', { asOf: LAST.asOf, inputsSha256: LAST.inputsSha256 }, []],
    ['the same export under a new date', { inputsSha256: LAST.inputsSha256 }, ['replayed']],
    ['1 % gone', states({ D: 590_000 }), []],
    ['a record more', states({ D: 589_999 }), ['shrink-total']],
    ['5 % of a state gone, made up for by another', states({ D: 570_000, FRA: 429_960 }), []],
    ['a record more of it', states({ D: 569_999, FRA: 429_961 }), ['shrink-state']],
    ['20 of the 40 records of a small state gone', states({ TUV: 20 }), []],
    ['21 of them', states({ TUV: 19 }), ['shrink-state']],
    ['all of them', states({ TUV: 0 }), ['state-vanished']],
    ['5 % more', states({ D: 650_000 }), []],
    ['a record more than that', states({ D: 650_001 }), ['growth-total']],
    ['a new state of 10,000', states({ UTO: 10_000 }), []],
    ['a new state of 10,001', states({ UTO: 10_001 }), ['growth-state']],
    ['equal keys up by 5 points', input({ keys: 1_074_000 }), []],
    ['by more', input({ keys: 1_076_000 }), ['duplicates']],
    ['a doubled export', input({ keys: 2_040_000 }), ['duplicates']],
    ['a state kept from records', { restrictions: [pair('D', 'FRA'), pair('D', 'TUV')] }, []],
    ['another one instead', { restrictions: [pair('D', 'TUV')] }, ['restriction-gone']],
    ['nobody any more', { restrictions: [] }, ['restriction-gone']],
    ['a column more', input({ columns: ['number', 'remark', 'state'] }), ['schema']],
    ['a column less', input({ columns: ['number'] }), ['schema']],
    ['a file nearly twice as large', input({ fileBytes: [119_999_999] }), []],
    ['a file twice as large', input({ fileBytes: [120_000_000] }), ['file-size']],
    ['half a file', input({ fileBytes: [30_000_000] }), ['file-size']],
    ['the same in two files', input({ fileBytes: [30_000_000, 30_000_000] }), []],
    ['half of it in two files', input({ fileBytes: [15_000_000, 15_000_000] }), ['file-size']],
  ])('%s', (_, now, gates) => {
    expect(gatesFor(now)).toEqual(gates);
  });

  test('without the record of the last build, says what it could not check', () => {
    const before = { ...LAST, input: undefined };
    const now = { ...NEXT, ...states({ D: 1 }), input: { ...INPUT, columns: [] } };
    const result = checkGates({ before, now, limits: DEFAULT_LIMITS });
    expect(result.unchecked).toEqual(['duplicates', 'schema', 'file-size']);
    expect(result.refusals.map(({ gate }) => gate)).toEqual(['shrink-total', 'shrink-state']);
    expect(result.refusals[1]!.details).toEqual(['D: 600,000 records before, 1 now (-100.00 %)']);
  });

  test('keeps to its limits, and a limit that is none is refused by name', () => {
    const shrunk = { ...states({ D: 480_000 }), ...input({ keys: 900_000 }) };
    expect(gatesFor(shrunk)).toEqual(['shrink-total', 'shrink-state']);
    const limits = parseLimits('shrink-total-percent=12,shrink-state-percent=20');
    expect(gatesFor(shrunk, limits)).toEqual([]);
    expect(parseLimits(undefined)).toEqual(DEFAULT_LIMITS);
    for (const text of [
      'shrink=1',
      'shrink-total-percent',
      'shrink-total-percent=-1',
      'constructor=1',
    ]) {
      expect(() => parseLimits(text)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
    }
    const wrong = () => gateLimits({ 'file-size-times': '2' });
    expect(wrong).toThrow('file-size-times');
  });
});

describe('a build into a directory that has an edition', () => {
  const outDir = space.path('edition');
  const directory = new DirectoryStore(outDir);
  const rows = (count: number, state = 'UTO') =>
    Array.from({ length: count }, (_, i) => `${state},PAS,A${i},,,lost`);
  const write = (name: string, lines: string[]) => space.write(name, sltdCsv(...lines));
  const sequence = async () => {
    const { trusted } = await headSignerOf(space.keys);
    return (await readHead(directory, trusted))?.sequence;
  };
  const refused = async (file: string): Promise<GateRefusal> => {
    const error = await build(space, { files: [file], outDir }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(GateRefusal);
    return error;
  };
  const release = (edition: string, gates: string[], more: { by?: string; reason?: string } = {}) =>
    releaseEdition({
      ...{ directory, keys: space.keys, edition, gates, signal: new AbortController().signal },
      ...{ by: 'Duty officer', reason: 'the state withdrew them', ...more },
    });

  test('the first has nothing to be compared with and says so; the second is compared', async () => {
    const first = await build(space, { files: [write('full.csv', rows(400))], outDir });
    expect(first.gates).toMatchObject({ comparedWith: undefined });
    expect(first.gates.unchecked).toContain('shrink-total');
    const second = await build(space, { files: [write('more.csv', rows(410))], outDir });
    expect(second.gates).toEqual<GateReport>({ comparedWith: first.edition, unchecked: [] });
    const record = join(outDir, 'reports', `${second.edition}.json`);
    expect(statSync(record).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(record, 'utf8')).columns).toContain('number_from');
  });

  test('a truncated export waits in quarantine, whole, and the last edition keeps serving', async () => {
    const error = await refused(write('half.csv', rows(200)));
    expect(error).toMatchObject({ code: 'gate-refused' });
    const { edition, refusals } = error.quarantine;
    expect(refusals).toEqual([
      { gate: 'shrink-total', details: ['410 records before, 200 now (-51.22 %)'] },
      { gate: 'shrink-state', details: ['UTO: 410 records before, 200 now (-51.22 %)'] },
    ]);
    expect(await sequence()).toBe(2);
    expect(existsSync(join(outDir, 'manifests', edition))).toBe(true);
    const file = join(outDir, 'quarantine', `${edition}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('the command says why, ends with 3, and names what waits', async () => {
    const args = ['--profile', 'sltd', '--keys', space.keysPath, '--out', outDir];
    const half = space.path('half.csv');
    const built = await sltd(['build', ...args, '--as-of', '2025-01-31', half]);
    expect(built.code).toBe(3);
    expect(built.stderr).toContain('410 records before, 200 now');
    expect(built.stderr).toContain('sltd: gate-refused: ');
    const listed = await sltd(['release', outDir]);
    expect(listed).toMatchObject({ code: 0 });
    expect(listed.stdout).toMatch(/shrink-total[\s\S]*shrink-state/);
    const wider = ['--limits', 'shrink-total-percent=60,shrink-state-percent=60'];
    const other = space.path('wider');
    for (const file of ['full.csv', 'half.csv']) {
      const command = ['build', ...args.with(5, other), ...wider, '--as-of', '2025-01-31'];
      expect((await sltd([...command, space.path(file)])).code).toBe(0);
    }
  });

  test('a release names every gate, who and why; it is good once', async () => {
    const { edition } = listQuarantine(directory)[0]!;
    const gates = ['shrink-total', 'shrink-state'];
    const wrong = [
      release(edition, ['shrink-total']),
      release(edition, [...gates, 'stale']),
      release(edition, gates, { by: ' ' }),
      release(edition, gates, { reason: 'because' }),
      release('00'.repeat(32), gates),
      release('../head', gates),
    ];
    for (const each of wrong) await expect(each).rejects.toMatchObject({ code: 'release-invalid' });
    expect(await sequence()).toBe(2);
    expect(await release(edition, gates)).toEqual({ sequence: 3 });
    const note = JSON.parse(readFileSync(join(outDir, 'releases', `${edition}.json`), 'utf8'));
    expect(note).toMatchObject({ by: 'Duty officer', reason: 'the state withdrew them' });
    await expect(release(edition, gates)).rejects.toMatchObject({ code: 'release-invalid' });
    const next = await build(space, { files: [write('later.csv', rows(201))], outDir });
    expect(next.gates).toEqual({ comparedWith: edition, unchecked: [] });
  });

  test('a release is refused once another edition is in force, or an object is damaged', async () => {
    const gone = await refused(write('gone.csv', rows(201, 'FRA')));
    expect(gone.quarantine.refusals.map(({ gate }) => gate)).toEqual(['state-vanished']);
    const page = readdirSync(join(outDir, 'pages')).map((name) => join(outDir, 'pages', name));
    const newest = page.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]!;
    const bytes = readFileSync(newest);
    writeFileSync(newest, bytes.subarray(1));
    const { edition } = gone.quarantine;
    await expect(release(edition, ['state-vanished'])).rejects.toMatchObject({
      code: 'format-length',
    });
    writeFileSync(newest, bytes);
    await build(space, { files: [write('between.csv', rows(202))], outDir });
    await expect(release(edition, ['state-vanished'])).rejects.toMatchObject({
      code: 'release-invalid',
    });
  });

  test('an export of an earlier time is refused, and a columns change is said by name', async () => {
    const earlier = { files: [space.path('between.csv')], outDir, asOf: Date.UTC(2025, 0, 30) };
    const error: GateRefusal = await build(space, earlier).catch((thrown) => thrown);
    expect(error.quarantine.refusals.map(({ gate }) => gate)).toEqual(['stale']);
    const wide = sltdCsv(...rows(202))
      .replaceAll('\n', ',x\n')
      .replace('category,x', 'category,Extra');
    const drifted = await refused(space.write('wide.csv', wide));
    expect(drifted.quarantine.refusals).toEqual([{ gate: 'schema', details: ['new: extra'] }]);
  });

  test('an edition in force that cannot be read lets nothing past without a person', async () => {
    const { trusted } = await headSignerOf(space.keys);
    const head = (await readHead(directory, trusted))!;
    const name = Buffer.from(head.manifestSha256).toString('hex');
    rmSync(join(outDir, 'manifests', name));
    const error = await refused(write('after.csv', rows(203)));
    expect(error.quarantine.refusals.map(({ gate }) => gate)).toEqual(['baseline']);
    const before = (await sequence())!;
    const released = await release(error.quarantine.edition, ['baseline']);
    expect(released.sequence).toBe(before + 1);
  });
});
