import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { CZ_MVCR_IDENTITY } from '../../data-build/import/profiles/cz-mvcr.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { readRecords } from '../../data-build/import/read-records.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import { Progress } from '../../data-build/progress.ts';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import { importFiles, sltdCsv, workspace } from './workspace.ts';
import { zipOf } from './zip-of.ts';

const space = workspace();

async function all(files: string[], options = {}): Promise<ImportedRecord[]> {
  const read = readRecords({ profile: SLTD, files, tempRoot: space.dir, ...options });
  const records: ImportedRecord[] = [];
  for await (const record of read) records.push(record);
  return records;
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
        ...{ state: 'D', typeCode: 'pas', classes: ['passport'], number: 'C01X00T47', line: 2 },
        ...{ numberAsReported: 'c01 x00t47', category: 'stolen', dateOfTheft: '2025-01-31' },
        ...{ placeOfTheft: 'hall; 2', countryOfTheft: 'FRA', dateOfIssue: '2020-01-01' },
        ...{ nationalReference: 'R-1', ncb: 'NCB-D', reportedAt: '2025-02-01T08:00:00.000Z' },
      },
    ]);
  });

  test('a range is one record a number, which knows its range', async () => {
    const file = space.write(
      'range.csv',
      sltdCsv('UTO,PAS,,A9,A9,lost', 'UTO,PAS,,B08,B10,stolen-blank'),
    );
    const records = await all([file]);
    expect(records.map(({ number }) => number)).toEqual(['A9', 'B08', 'B09', 'B10']);
    expect(records[2]).toMatchObject({ blankRange: { from: 'B08', to: 'B10' }, line: 3 });
  });

  test('of a row with a number and a range are of both, and only the range has its ends', async () => {
    const file = space.write('both.csv', sltdCsv('UTO,PAS,zz-1,A1,A2,lost'));
    const records = await all([file]);
    const blankRange = { from: 'A1', to: 'A2' };
    expect(
      records.map(({ number, numberAsReported, blankRange }) => ({
        ...{ number, numberAsReported, blankRange },
      })),
    ).toEqual([
      { number: 'ZZ1', numberAsReported: 'zz-1', blankRange: undefined },
      { number: 'A1', numberAsReported: 'A1', blankRange },
      { number: 'A2', numberAsReported: 'A2', blankRange },
    ]);
  });

  test('are the very documents of the edition', async () => {
    const path = space.path('synthetic.csv');
    await generateExport({
      ...{ rowCount: 20_000, seed: 9, path, format: 'csv', malformedCount: 0 },
      progress: new Progress(undefined),
    });
    const { keys } = await importFiles(space, [path]);
    const records = await all([path]);
    const own = records.flatMap(({ state, classes, number, category }) =>
      classes.map((documentClass) => `${canonicalKey(documentClass, state, number)} ${category}`),
    );
    expect(own).toEqual(keys);
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
    for await (const { line } of readRecords({
      profile: SLTD,
      files: [path],
      tempRoot: space.dir,
    })) {
      if (line > 10) break;
    }
    expect(readdirSync(space.dir).filter((name) => name.startsWith('sltd-'))).toEqual([]);
  });
});
