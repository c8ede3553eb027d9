/** Central says which export it has loaded, in the words of the edition built from the same one. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadExport, loadRecords } from '../../central/load/load.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { createKeys } from '../../data-build/keys/keys.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { buildEdition } from '../../data-build/pipeline.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { toHex } from '../../src/format/names.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from './records.ts';
import { centralWorld, question } from './world.ts';

const { kinds, stop } = await databaseKinds();
const folder = mkdtempSync(join(tmpdir(), 'sltd-same-export-'));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stop();
});

function exportFile(name: string, numbers: readonly string[]): string {
  const rows = numbers.map((number) => `${number},UTO,PAS,stolen,2026-11-21`);
  const path = join(folder, name);
  const header = 'number,issuing_state,document_type,category,reported_at';
  writeFileSync(path, `${[header, ...rows].join('\n')}\n`);
  return path;
}

// Two exports of one day: the second has a report more, and both are dated by the same midnight.
const morning = exportFile('morning.csv', ['A1', 'A2']);
const evening = exportFile('evening.csv', ['A1', 'A2', 'A3']);
const more = exportFile('more.csv', ['B1']);
const keys = createKeys();

/** Builds an edition of these files; its date, and its digest of the files. */
async function built(files: readonly string[]) {
  // Each time into a directory of its own: in one that had it before, it would be a replay.
  const outDir = mkdtempSync(join(folder, 'edition-'));
  const summary = await buildEdition({
    ...{ profile: SLTD, files, keys, outDir, collection: 'sltd' },
    ...{ ...PAGE_SIZES, tempRoot: folder, nonMemberCount: 100 },
  });
  const { manifest } = await openEdition(new DirectoryStore(outDir), keys);
  return { asOf: summary.asOf, inputsSha256: toHex(manifest.inputsSha256) };
}

describe.each(kinds)('the export that central on $name has loaded', ({ create }) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await create();
  });
  afterEach(() => database.remove());

  /** What a signed answer says about the data behind it. */
  async function answered() {
    const central = await centralWorld(database.db);
    const { asOf, inputsSha256 } = await central.confirm(question([SPECIMEN_KEY]));
    return { asOf, inputsSha256 };
  }
  const load = (files: readonly string[]) =>
    loadExport(database.db, { files, profile: 'sltd', clock: () => NOW_MS });

  it('is named by the digest in the manifest of the same export', async () => {
    for (const files of [[morning], [more, evening]]) {
      await load(files);
      const answer = await answered();
      expect(answer.inputsSha256).toMatch(/^[0-9a-f]{64}$/);
      expect(answer).toEqual(await built(files));
    }
  });

  it('has another digest than another export of the same date, or the same files reordered', async () => {
    await load([morning]);
    const edition = await built([evening]);
    const answer = await answered();
    expect(answer.asOf).toBe(edition.asOf);
    expect(answer.inputsSha256).not.toBe(edition.inputsSha256);
    await load([evening]);
    expect(await answered()).toEqual(edition);
    await load([morning, more]);
    const { inputsSha256 } = await answered();
    await load([more, morning]);
    expect((await answered()).inputsSha256).not.toBe(inputsSha256);
  });

  it('has no digest when records came from no file, whatever was loaded before', async () => {
    await load([morning]);
    await loadRecords(database.db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    expect(await answered()).toEqual({ asOf: AS_OF_MS, inputsSha256: undefined });
  });

  it('keeps its digest when a later load is refused', async () => {
    await load([morning]);
    const before = await answered();
    const broken = exportFile('broken.csv', ['A1', '☃']);
    await expect(load([broken])).rejects.toMatchObject({ code: 'input-rejects' });
    expect(await answered()).toEqual(before);
  });
});
