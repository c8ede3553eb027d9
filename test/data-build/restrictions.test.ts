/** `sltd build --restrictions`: who sees no records of whom, from a file into the manifest. */

import { describe, expect, test } from 'vitest';
import { GateRefusal } from '../../data-build/gates/quarantine.ts';
import { inspect, inspectionText } from '../../data-build/edition/inspect.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { readRestrictions } from '../../data-build/import/restriction-file.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { toHex } from '../../src/format/names.ts';
import { build, objectNames, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const HEADING = 'issuing_state,excluded_state';
const fileOf = (...lines: string[]) => space.write('restrictions.csv', `${lines.join('\n')}\n`);
const EXPORT = space.write('export.csv', sltdCsv('UTO,PAS,A1,,,lost', 'D,PAS,B1,,,stolen'));

describe('the file of restrictions', () => {
  test('is read in any order and with any line ends, and given back in that of the manifest', () => {
    const pairs = [
      { source: 'D', excluded: 'UTO' },
      { source: 'UTO', excluded: 'D' },
      { source: 'UTO', excluded: 'FRA' },
    ];
    expect(readRestrictions(fileOf(HEADING, 'UTO,FRA', 'D,UTO', 'UTO,D'))).toEqual(pairs);
    const crlf = space.write('crlf.csv', `${HEADING}\r\nUTO,FRA\r\nDEU,UTO\r\nUTO,D<<`);
    expect(readRestrictions(crlf)).toEqual(pairs);
  });

  test('with its heading alone says that nobody is restricted', () => {
    expect(readRestrictions(fileOf(HEADING))).toEqual([]);
    expect(readRestrictions(undefined)).toEqual([]);
  });

  test.each([
    ['is empty', '', 'line 1'],
    ['has no heading', 'UTO,D\n', 'line 1'],
    ['has another heading', 'excluded_state,issuing_state\nUTO,D\n', 'line 1'],
    ['has a state that is none', `${HEADING}\nUTO,D\nUTO,XYZ\n`, 'line 3'],
    ['has a line of three', `${HEADING}\nUTO,D,FRA\n`, 'line 2'],
    ['has a line of one', `${HEADING}\nUTO\n`, 'line 2'],
    ['has a blank line', `${HEADING}\nUTO,D\n\nUTO,FRA\n`, 'line 3'],
    ['keeps a state from its own records', `${HEADING}\nD,DEU\n`, 'line 2'],
    ['has a pair twice', `${HEADING}\nD,UTO\nDEU,UTO\n`, 'line 3 stands there already'],
    ['is not UTF-8', Uint8Array.of(0xff, 0xfe), 'cannot be read'],
    ['is too large', HEADING + 'x'.repeat(3_000_000), 'too large'],
  ])('that %s is refused, and nothing of it is taken', (_, content, detail) => {
    const path = space.write('bad.csv', content);
    expect(() => readRestrictions(path)).toThrow(
      expect.objectContaining({
        code: 'input-restrictions',
        detail: expect.stringContaining(detail),
      }),
    );
  });

  test('that is not there stops the build with 3, before anything is made', async () => {
    const out = space.path('never');
    const args = ['build', '--keys', space.keysPath, '--profile', 'sltd', '--out', out];
    const { code, stderr } = await sltd([
      ...[...args, '--restrictions', space.path('missing.csv'), EXPORT],
    ]);
    expect([code, stderr]).toEqual([3, expect.stringContaining('input-restrictions')]);
    expect(() => new DirectoryStore(out).location && objectNames(out)).toThrow();
  });
});

describe('an edition with restrictions', () => {
  const outDir = space.path('edition');
  const restrictions = readRestrictions(fileOf(HEADING, 'UTO,D', 'UTO,FRA'));
  const editionOf = () => openEdition(new DirectoryStore(outDir), space.keys);

  test('has them in its manifest, and is the same bytes from the same file in another order', async () => {
    const summary = await build(space, { files: [EXPORT], outDir, restrictions });
    expect(summary.restrictions).toBe(2);
    expect((await editionOf()).manifest.restrictions?.rows).toEqual(restrictions);
    const again = space.path('again');
    const shuffled = readRestrictions(fileOf(HEADING, 'UTO,FRA', 'UTO,D'));
    await build(space, { files: [EXPORT], outDir: again, restrictions: shuffled });
    expect(objectNames(again)).toEqual(objectNames(outDir));
  });

  test('of nobody is the edition that there was before there were restrictions', async () => {
    const [none, empty] = [space.path('none'), space.path('empty')];
    await build(space, { files: [EXPORT], outDir: none });
    await build(space, { files: [EXPORT], outDir: empty, restrictions: [] });
    expect(objectNames(empty)).toEqual(objectNames(none));
  });

  test('shows them when it is inspected', () => {
    const shown = inspect(outDir);
    expect(shown.manifest).toMatchObject({ restrictions });
    expect(inspectionText(shown)).toMatch(/source +excluded\n +UTO +D\n +UTO +FRA/);
  });

  test('is not followed by one that lifts a restriction, until a person releases it', async () => {
    const fewer = restrictions.slice(1);
    const error = await build(space, {
      ...{ files: [EXPORT], outDir, restrictions: fewer },
    }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(GateRefusal);
    expect(error.quarantine.refusals).toEqual([
      { gate: 'restriction-gone', details: ['records of UTO to D'] },
    ]);
    expect((await editionOf()).manifest.restrictions?.rows).toEqual(restrictions);
    const { code } = await sltd([
      ...['release', outDir, error.quarantine.edition, '--keys', space.keysPath],
      ...['--gate', 'restriction-gone', '--by', 'operator-1', '--reason', 'lifted by the bureau'],
    ]);
    expect(code).toBe(0);
    expect((await editionOf()).manifest.restrictions?.rows).toEqual(fewer);
  });

  test('is followed by one with more without a question, and the difference is told', async () => {
    const before = toHex((await editionOf()).head.manifestSha256);
    const more = readRestrictions(fileOf(HEADING, 'UTO,FRA', 'UTO,GBR'));
    await build(space, { files: [EXPORT], outDir, restrictions: more });
    const after = toHex((await editionOf()).head.manifestSha256);
    const args = ['diff', outDir, before, after, '--keys', space.keysPath];
    const json = JSON.parse((await sltd([...args, '--json'])).stdout);
    expect(json.restrictions).toEqual({ added: more.slice(1), gone: [] });
    expect((await sltd(args)).stdout).toContain('records of UTO are now kept from GBR');
  });
});
