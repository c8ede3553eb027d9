/** The records that a load makes of an export, as they are staged. */

import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { STAGED_COLUMNS, valuesOf } from '../../central/load/row-text.ts';
import { type ExportStaging, stageExport } from '../../central/load/stage-export.ts';
import { keysOfRow, type ReportedRow } from '../../central/records/record-row.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { CZ_MVCR_IDENTITY } from '../../data-build/import/profiles/cz-mvcr.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { Progress } from '../../data-build/progress.ts';
import { importFiles, sltdCsv, workspace } from '../data-build/workspace.ts';
import { zipOf } from '../data-build/zip-of.ts';

const space = workspace();

/** By this thread at once; and by threads in blocks that few rows fit into, which must come to the same. */
const WAYS: readonly Partial<ExportStaging>[] = [
  { threadCount: 1 },
  { threadCount: 3, blockBytes: 256 },
];

async function all(files: string[], options: Partial<ExportStaging> = {}): Promise<ReportedRow[]> {
  const ways: ReportedRow[][] = [];
  for (const way of WAYS) {
    const rows: ReportedRow[] = [];
    let count = 0;
    await stageExport({
      ...{ profile: SLTD, files, tempRoot: space.dir, identityKey: 'key', ...way },
      stage: async (lines, recordCount) => {
        const texts = new TextDecoder().decode(lines).split('\n');
        expect(texts.pop()).toBe('');
        rows.push(...texts.map(rowOf));
        count += recordCount;
      },
      ...options,
    });
    expect(count).toBe(rows.length);
    ways.push(rows);
  }
  expect(ways[1]).toEqual(ways[0]);
  return ways[0]!;
}

function rowOf(line: string): ReportedRow {
  const values = valuesOf(line);
  expect(values).toHaveLength(STAGED_COLUMNS.length);
  return Object.fromEntries(
    STAGED_COLUMNS.map((name, i) => [name, values[i]]),
  ) as unknown as ReportedRow;
}

describe('records for central', () => {
  test('have every field that the export has, dates and times made plain', async () => {
    const file = space.write(
      'full.csv',
      'issuing_state;document_type;number;category;date_of_theft;place_of_theft;country_of_theft;' +
        'date_of_issue;date_of_expiry;national_reference;owner_ncb;reported_at\n' +
        'Germany;pas;c01 x00t47;stolen;31.1.2025;"hall; 2";FRA;20200101;someday;R-1;NCB-D;2025-02-01T10:00:00+02:00\n',
    );
    expect(await all([file])).toEqual([
      {
        ...{ id: expect.stringMatching(/^[\w-]{22}$/), state: 'D', type_code: 'pas', classes: 'P' },
        ...{ number: 'C01X00T47', number_as_reported: 'c01 x00t47', category: 'stolen' },
        ...{ date_of_theft: '2025-01-31', place_of_theft: 'hall; 2', country_of_theft: 'FRA' },
        ...{ date_of_issue: '2020-01-01', date_of_expiry: null, national_reference: 'R-1' },
        ...{ notice_color: null, owner_ncb: 'NCB-D', reported_at: '2025-02-01T08:00:00.000Z' },
        ...{ blank_from: null, blank_to: null },
      },
    ]);
  });

  test.each([
    ['2025-02-01T10:00:00Z', '2025-02-01T10:00:00.000Z'],
    ['2025-02-01T24:00:00Z', '2025-02-02T00:00:00.000Z'],
    ['2025-02-01 10:00+01:00', '2025-02-01T09:00:00.000Z'],
    ['2025-02-01T10:00:00', '2025-02-01'],
    ['2025-02-01T25:00:00Z', '2025-02-01'],
    ['20250201', '2025-02-01'],
    ['yesterday', null],
  ])('that are reported at %s are so at %s', async (text, time) => {
    const file = space.write(
      'time.csv',
      `issuing_state,document_type,number,category,reported_at\nUTO,PAS,A1,lost,${text}\n`,
    );
    expect((await all([file])).map((row) => row.reported_at)).toEqual([time]);
  });

  test('may hold every character that a text may have', async () => {
    const place = 'a\tb\\N\nc\\d\re "é" 漢 \u{1f6c2} \\.';
    const file = space.write(
      'signs.csv',
      `issuing_state,document_type,number,category,place_of_theft,national_reference\n` +
        `UTO,PAS,A1,lost,"${place.replaceAll('"', '""')}",\\N\n`,
    );
    const [row] = await all([file]);
    expect(row).toMatchObject({ place_of_theft: place, national_reference: '\\N' });
  });

  test('a range is one record a number, which knows its range', async () => {
    const file = space.write(
      'range.csv',
      sltdCsv('UTO,PAS,,A9,A9,lost', 'UTO,PAS,,B08,B10,stolen-blank'),
    );
    const records = await all([file]);
    expect(records.map(({ number }) => number)).toEqual(['A9', 'B08', 'B09', 'B10']);
    expect(records[2]).toMatchObject({ blank_from: 'B08', blank_to: 'B10' });
  });

  test('of a row with a number and a range are of both, and only the range has its ends', async () => {
    const file = space.write('both.csv', sltdCsv('UTO,PAS,zz-1,A1,A2,lost'));
    const records = await all([file]);
    const range = { blank_from: 'A1', blank_to: 'A2' };
    expect(records).toMatchObject([
      { number: 'ZZ1', number_as_reported: 'zz-1', blank_from: null, blank_to: null },
      { number: 'A1', number_as_reported: 'A1', ...range },
      { number: 'A2', number_as_reported: 'A2', ...range },
    ]);
  });

  test('of a long range are all of it, in order', async () => {
    const file = space.write(
      'long.csv',
      sltdCsv('UTO,PAS,,C00001,C20000,stolen-blank', 'UTO,PAS,D1,,,lost'),
    );
    const numbers = (await all([file])).map(({ number }) => number);
    const range = Array.from({ length: 20_000 }, (_, i) => `C${String(i + 1).padStart(5, '0')}`);
    expect(numbers).toEqual([...range, 'D1']);
  });

  test('are the very documents of the edition', async () => {
    const path = space.path('synthetic.csv');
    await generateExport({
      ...{ rowCount: 20_000, seed: 9, path, format: 'csv', malformedCount: 0 },
      progress: new Progress(undefined),
    });
    const { keys } = await importFiles(space, [path]);
    const records = await all([path], { blockBytes: 64 * 1024 });
    const own = records.flatMap((row) => keysOfRow(row).map((key) => `${key} ${row.category}`));
    expect(own.toSorted()).toEqual(keys.toSorted());
  });

  test('leave out what a later difference takes away', async () => {
    const full = space.write('full-cz.csv', '111;1.1.2020\n222;1.1.2020\n');
    const difference = space.write('diff.zip', zipOf({ a: '333;2.1.2020\n', b: '111;2.1.2020\n' }));
    const records = await all([full, difference], { profile: CZ_MVCR_IDENTITY });
    expect(records.map(({ number }) => number)).toEqual(['222', '333']);
  });

  test('are refused where the build refuses, and leave no temporary file', async () => {
    const bad = space.write('bad.csv', sltdCsv('UTO,PAS,A1,,,lost', 'Atlantis,PAS,A2,,,lost'));
    await expect(all([bad])).rejects.toMatchObject({ code: 'input-rejects' });
    await expect(all([space.path('none')])).rejects.toMatchObject({ code: 'input-unreadable' });
    const path = space.path('synthetic.csv');
    const halt = new AbortController();
    const stage = async () => halt.abort();
    const halted = all([path], { stage, signal: halt.signal, blockBytes: 64 * 1024 });
    await expect(halted).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(space.dir).filter((name) => name.startsWith('sltd-'))).toEqual([]);
  });
});
