import { cpSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { filterFalsePositiveRate } from '../../data-build/verify/filter-theory.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { rotateKey } from '../../data-build/keys/key-rotation.ts';
import { createKeys, writeKeys } from '../../data-build/keys/keys.ts';
import { NonMembers } from '../../data-build/verify/non-members.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { importRows } from '../../data-build/key-file/import-rows.ts';
import { Progress } from '../../data-build/progress.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import { verifyEdition } from '../../data-build/verify/verify-edition.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { objectName } from '../../src/format/names.ts';
import type { PageKind } from '../../src/format/page.ts';
import { build, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const exportPath = space.path('export.csv');
const goodDir = space.path('good');
const threads = buildThreads(1);

beforeAll(async () => {
  await generateExport({
    ...{ rowCount: 5_000, seed: 5, path: exportPath, format: 'csv', malformedCount: 0 },
    progress: new Progress(undefined),
  });
  await build(space, { files: [exportPath], outDir: goodDir, keysPerShard: 512 });
});

const verify = (dir: string, file = exportPath, keys = space.keysPath) =>
  sltd([
    ...['verify', dir, '--profile', 'sltd', '--keys', keys, '--non-members', '400000'],
    ...['--temp', space.dir, file],
  ]);

/** A copy of the good edition, to be broken. */
function broken(name: string): string {
  const dir = space.path(name);
  cpSync(goodDir, dir, { recursive: true });
  return dir;
}

/** Path of a page of a state's shard. */
async function pagePath(dir: string, kind: PageKind, code: string, shard = 0): Promise<string> {
  const { manifest } = await openEdition(new DirectoryStore(dir), space.keys);
  const row = manifest.state(code)!.firstShard + shard;
  return join(dir, objectName('pages', manifest.page(kind, row).sha256));
}

describe('sltd verify', () => {
  test('finds every record, no other, and the filter as good as theory says', async () => {
    const { code, stdout } = await verify(goodDir);
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({
      ...{ missing: 0, wrongCategory: 0, falseCandidates: 0, referenceDiffers: 0 },
      ...{ rows: 5_000, rejected: 0, sameInputs: true },
    });
    expect(summary.records).toBeGreaterThan(5_000);
    expect(summary.nonMembers).toBeGreaterThan(399_000);
    expect(summary.referenceChecked).toBeGreaterThan(3_900);
    // The list's key is a new one each time. Blocks have 51 keys in the mean (Poisson), so the rate of one
    // varies by 0.6 of itself, and that of all 120 or so by 0.055: five times that.
    expect(Math.abs(summary.filterRate / summary.filterRateTheory - 1)).toBeLessThan(0.28);
  });

  test('says the same when only one shard fits in memory at a time', async () => {
    const { keyFile } = await importRows(
      { profile: SLTD, files: [exportPath], rejectsPath: undefined, signal: undefined },
      { tempDir: space.folder('portions'), progress: new Progress(undefined), threads },
    );
    const store = new DirectoryStore(goodDir);
    const { manifest, epochKey } = await openEdition(store, space.keys);
    const result = await verifyEdition({
      ...{ store, manifest, epochKey, keyFile, threads },
      ...{ nonMemberCount: 10_000, portionBytes: 1, onProgress: () => {} },
    });
    expect(result).toMatchObject({ asked: keyFile.keyCount, missing: 0, wrongCategory: 0 });
    expect(result.pages).toBe(2 * manifest.shardCount);
    expect(Math.abs(result.nonMembers / 10_000 - 1)).toBeLessThan(0.05);
  });

  test('does not count as false what was made up and is listed by chance', async () => {
    const state = 'UTO' as StateCode;
    const made = new NonMembers([{ state, shardCount: 1 }]).next(4096).slice(0, 3000);
    const listed = made.filter((key) => key.startsWith('P')).map((key) => key.slice(4));
    const rows = listed.map((number) => `UTO,PAS,${number},,,lost`);
    const options = { files: [space.write('made.csv', sltdCsv(...rows))], keysPerShard: 512 };
    const outDir = space.path('made');
    const { verified } = await build(space, { ...options, outDir, nonMemberCount: 4096 });
    expect(verified).toMatchObject({ falseCandidates: 0, nonMembers: 4096 - listed.length });
  });

  test('catches a record that is not in the edition', async () => {
    const more = `${readFileSync(exportPath, 'utf8')}UTO,PAS,NOTBUILT1,,,lost,,,,,,,,\n`;
    const { code, stdout, stderr } = await verify(goodDir, space.write('more.csv', more));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ missing: 1, sameInputs: false });
    expect(stderr).toContain('verify-failed');
  });

  test('catches a document in the edition that no record stands for', async () => {
    const less = readFileSync(exportPath, 'utf8').replace(/^UTO,VSA,.*\n/m, '');
    const { code, stdout } = await verify(goodDir, space.write('less.csv', less));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ missing: 0, wrongCategory: 0, strangers: 1 });
  });

  test('catches a record with another category', async () => {
    const text = readFileSync(exportPath, 'utf8').replace('L898902C3,,,stolen', 'L898902C3,,,lost');
    const { code, stdout } = await verify(goodDir, space.write('category.csv', text));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ missing: 0, wrongCategory: 1 });
  });

  test('catches a page that was swapped for another', async () => {
    const dir = broken('swapped');
    const one = await pagePath(dir, 'match', 'ITA');
    const other = await pagePath(dir, 'match', 'FRA');
    renameSync(one, `${one}.away`);
    renameSync(other, one);
    renameSync(`${one}.away`, other);
    const { code, stderr } = await verify(dir);
    expect(code).toBe(1);
    expect(stderr).toMatch(/format-(length|digest)/);
  });

  test.each<PageKind>(['filter', 'match'])('catches one flipped bit in a %s page', async (kind) => {
    const dir = broken(`flipped-${kind}`);
    const path = await pagePath(dir, kind, 'ITA');
    const bytes = readFileSync(path);
    bytes[statSync(path).size >> 1]! ^= 4;
    writeFileSync(path, bytes);
    const { code, stderr } = await verify(dir);
    expect(code).toBe(1);
    expect(stderr).toContain('format-digest');
  });

  test('catches a missing page, and a head or a manifest that was changed', async () => {
    const missing = broken('missing');
    rmSync(await pagePath(missing, 'filter', 'AFG'));
    expect((await verify(missing)).stderr).toContain('page-unavailable');
    const head = broken('head');
    const bytes = readFileSync(join(head, 'head'));
    bytes[16]! ^= 1;
    writeFileSync(join(head, 'head'), bytes);
    expect((await verify(head)).stderr).toContain('format-signature');
  });

  test('catches other signing keys, and another epoch key', async () => {
    const other = space.path('other-keys.json');
    writeKeys(other, createKeys());
    expect(await verify(goodDir, exportPath, other)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('format-signature'),
    });
    const epoch = space.path('other-epoch.json');
    writeKeys(epoch, { ...space.keys, epochKey: createKeys().epochKey });
    expect((await verify(goodDir, exportPath, epoch)).stderr).toContain('another epoch key');
  });

  test('an edition of the epoch before is opened with the rotated keys', async () => {
    const rotated = space.path('rotated.json');
    writeKeys(rotated, rotateKey(space.keys, 'epoch'));
    expect((await verify(goodDir, exportPath, rotated)).code).toBe(0);
  });
});

describe('the theory of the filter', () => {
  test('agrees with the published rates of 64-byte blocks', () => {
    // Putze, Sanders, Singler 2009: 8 bits a key cost about 2.3 %; an unblocked filter 2.2 %.
    const rate = filterFalsePositiveRate({ keyCount: 64_000, blockCount: 1_000, probes: 5 });
    expect(rate).toBeGreaterThan(0.0217);
    expect(rate).toBeLessThan(0.0245);
    expect(filterFalsePositiveRate({ keyCount: 0, blockCount: 0, probes: 5 })).toBe(0);
  });
});
