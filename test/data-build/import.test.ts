import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findProfile } from '../../data-build/import/find-profile.ts';
import {
  CZ_MVCR,
  CZ_MVCR_IDENTITY,
  CZ_MVCR_PASSPORT,
} from '../../data-build/import/profiles/cz-mvcr.ts';
import { RU_MVD } from '../../data-build/import/profiles/ru-mvd.ts';
import { UA_MVS } from '../../data-build/import/profiles/ua-mvs.ts';
import { canonicalNumber } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { importFiles, ROOT, SLTD_HEADER, sltdCsv, workspace } from './workspace.ts';
import { zipOf } from './zip-of.ts';

const space = workspace();
const hasProgram = (name: string): boolean => {
  try {
    execFileSync(name, ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe('profiles', () => {
  test('an SLTD row becomes one key a class, with its category', async () => {
    const file = space.write(
      'sltd.csv',
      sltdCsv('UTO,PAS,L898902C3,,,stolen', 'D,SIB,c01 x00-t47,,,lost'),
    );
    const { keys, rows, accepted } = await importFiles(space, [file]);
    expect(keys).toEqual([
      'PUTOL898902C3 stolen',
      ...['PD<<C01X00T47 lost', 'ID<<C01X00T47 lost', 'OD<<C01X00T47 lost'],
    ]);
    expect([rows, accepted]).toEqual([2, 2]);
  });

  test('all spellings of a state are one state', async () => {
    const spellings = ['D', 'DEU', 'de', 'Germany', 'Allemagne', 'D<<', ' deu '];
    const rows = spellings.map((state) => `${state},PAS,C01X00T47,,,lost`);
    const { keys } = await importFiles(space, [space.write('germany.csv', sltdCsv(...rows))]);
    expect(keys).toEqual(spellings.map(() => 'PD<<C01X00T47 lost'));
  });

  test('rows of the Russian list stand under both classes, with their leading zeros', async () => {
    const path = join(ROOT, 'test/vectors/exports/ru-mvd-list_of_expired_passports.head.csv');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1);
    const { keys, rejects } = await importFiles(space, [path], RU_MVD);
    expect(rejects).toEqual([''].slice(1));
    expect(keys).toHaveLength(2 * lines.length);
    for (const line of lines) {
      const number = line.trim().replace(',', '');
      expect(keys).toContain(`IRUS${number} invalid`);
      expect(keys).toContain(`PRUS${number} invalid`);
    }
    expect(keys).toContain('IRUS0404914817 invalid');
  });

  test('leading zeros that a spreadsheet took from a Russian row are put back', async () => {
    const file = space.write('ru.csv', 'PASSP_SERIES,PASSP_NUMBER\n404,14817\n');
    const { keys } = await importFiles(space, [file], RU_MVD);
    expect(keys).toEqual(['PRUS0404014817 invalid', 'IRUS0404014817 invalid']);
  });

  test('Ukrainian rows are told apart by the words of their type', async () => {
    const rows = [
      {
        ID: 1,
        D_SERIES: 'МЕ',
        D_NUMBER: '123456',
        D_TYPE: 'Паспорт громадянина України',
        D_STATUS: 'Викрадено',
        THEFT_DATA: '2020-01-02',
        INSERT_DATE: '2020-01-03',
        OVD: 'x',
      },
      {
        ID: 2,
        D_SERIES: null,
        D_NUMBER: '001234567',
        D_TYPE: 'Паспорт громадянина України для виїзду за кордон',
        D_STATUS: 'Втрачено',
      },
      { ID: 3, D_SERIES: '', D_NUMBER: '7', D_TYPE: 'щось', D_STATUS: 'щось' },
    ];
    const file = space.write('ua.json', JSON.stringify(rows, null, 1));
    const { keys, notes } = await importFiles(space, [file], UA_MVS);
    const series = canonicalNumber('МЕ123456', 'UKR' as StateCode);
    expect(series.ok).toBe(true);
    const number = series.ok ? series.value : '';
    expect(keys).toEqual([
      ...[`PUKR${number} stolen`, `IUKR${number} stolen`, 'PUKR001234567 lost'],
      ...['P', 'I', 'V', 'O'].map((letter) => `${letter}UKR7 unspecified`),
    ]);
    expect(notes).toEqual({ 'category-unknown': 1, 'type-unknown': 1 });
  });

  test('Czech rows come with or without a series, plain or in a zip', async () => {
    const plain = space.write('cz.csv', '12345678;1.9.2019\r\n00345678;12.11.2020\r\n');
    const zip = space.write('cz.zip', zipOf({ 'a.csv': '345678;AB12;1.9.2019\r\n' }));
    const { keys, newestReport } = await importFiles(space, [plain, zip], CZ_MVCR_IDENTITY);
    expect(keys).toEqual([
      ...['ICZE12345678 invalid', 'ICZE00345678 invalid', 'ICZEAB12345678 invalid'],
    ]);
    expect(new Date(newestReport).toISOString()).toBe('2020-11-12T00:00:00.000Z');
  });

  test('a difference adds its first file and takes away its second, until it is listed again', async () => {
    const full = space.write('full.csv', '111;1.1.2020\r\n222;1.1.2020\r\n333;1.1.2020\r\n');
    const first = space.write(
      'diff1.zip',
      zipOf({ 'added.csv': '444;2.1.2020\r\n', 'removed.csv': '222;2.1.2020\r\n333;2.1.2020\r\n' }),
    );
    const second = space.write('diff2.zip', zipOf({ 'a.csv': '333;3.1.2020\r\n', 'b.csv': '' }));
    const result = await importFiles(space, [full, first, second], CZ_MVCR_IDENTITY);
    expect(result.keys.map((key) => key.slice(4, 7))).toEqual(['111', '444', '333']);
    expect([result.rows, result.accepted]).toEqual([7, 7]);
    // Doubt lists a document: one that a difference both adds and removes stays.
    const unclear = space.write('unclear.zip', zipOf({ a: '555;3.1.2020\n', b: '555;3.1.2020\n' }));
    expect((await importFiles(space, [unclear], CZ_MVCR_IDENTITY)).keys).toHaveLength(1);
    const both = await importFiles(space, [full], CZ_MVCR);
    expect(both.keys).toHaveLength(6);
  });

  test('a difference is refused where the kind of document is not known', async () => {
    // The same number may be an identity card that is valid again and a passport that is not.
    const full = space.write('kinds.csv', '111;1.1.2020\r\n');
    const pair = { 'added.csv': '', 'removed.csv': '111;2.1.2020\r\n' };
    const difference = space.write('kinds.zip', zipOf(pair));
    await expect(importFiles(space, [full, difference], CZ_MVCR)).rejects.toMatchObject({
      code: 'input-schema',
      detail: expect.stringMatching(/^file 2 of 2: .*cz-mvcr-identity or cz-mvcr-passport/),
    });
    for (const profile of [CZ_MVCR_IDENTITY, CZ_MVCR_PASSPORT]) {
      expect((await importFiles(space, [full, difference], profile)).keys).toEqual([]);
    }
    const zip = space.write('kinds-full.zip', zipOf({ 'a.csv': '111;1.1.2020\r\n' }));
    expect((await importFiles(space, [zip], CZ_MVCR)).keys).toHaveLength(2);
  });

  test('a mapping file reads any table: encoding, parts, words, constants', async () => {
    const text =
      'SERIES;NUM;STATUS;ENTERED\nАВ;123;откраднат;1.2.2020\n;7654321;изгубен;1.3.2020\n';
    const bytes = Buffer.from([...text].map((letter) => cp1251(letter)));
    const file = space.write('bg.csv', bytes);
    const mapping = space.write(
      'bg.json',
      JSON.stringify({
        ...{ separator: ';', encoding: 'windows-1251' },
        number: [
          { column: 'SERIES', optional: true },
          { column: 'NUM', padDigits: 7 },
        ],
        columns: { category: 'STATUS', reportedAt: ['ENTERED'] },
        constants: { state: 'Bulgaria', type: 'IDC' },
        categories: { откраднат: 'stolen', Изгубен: 'lost' },
      }),
    );
    const { keys } = await importFiles(space, [file], findProfile({ mapping }));
    const series = canonicalNumber('АВ0000123', 'BGR' as StateCode);
    expect(series.ok && `IBGR${series.value} stolen`).toBe(keys[0]);
    expect(keys[1]).toBe('IBGR7654321 lost');
  });

  test('a mapping file with an unknown member is refused', () => {
    const mapping = space.write(
      'bad.json',
      '{"number":["n"],"constants":{"state":"D"},"catgory":{}}',
    );
    expect(() => findProfile({ mapping })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    );
  });
});

/** Cyrillic as windows-1251 has it, for the letters of the test. */
function cp1251(letter: string): number {
  const code = letter.charCodeAt(0);
  return code < 0x80 ? code : code - 0x410 + 0xc0;
}

describe('formats', () => {
  const rows = [
    'UTO,PAS,L898902C3,,,stolen',
    '"FRA",IDC,"AB ""1"" 2",,,"lost"',
    'GBR,VSA,,X01,X03,stolen-blank',
  ];
  const csv = sltdCsv(rows[0]!, 'FRA,IDC,AB12,,,lost', rows[2]!);
  const wanted = [
    ...['PUTOL898902C3 stolen', 'IFRAAB12 lost'],
    ...['VGBRX01 stolen-blank', 'VGBRX02 stolen-blank', 'VGBRX03 stolen-blank'],
  ];
  const objects = csv
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const values = line.split(',');
      return Object.fromEntries(SLTD_HEADER.split(',').map((name, i) => [name, values[i]]));
    });
  const ndjson = objects.map((row) => JSON.stringify(row)).join('\n');

  test.each([
    ['CSV', csv],
    ['CSV with CRLF and a byte order mark', `\ufeff${csv.replaceAll('\n', '\r\n')}`],
    ['CSV with CR', csv.replaceAll('\n', '\r')],
    ['CSV with semicolons', csv.replaceAll(',', ';')],
    ['CSV with tabs and blank lines', csv.replaceAll(',', '\t').replaceAll('\n', '\n\n')],
    ['CSV without a last line break', csv.trimEnd()],
    ['CSV with columns in another order and case', reorder(csv)],
    ['NDJSON', ndjson],
    ['JSON', JSON.stringify(objects)],
    ['JSON with white space', JSON.stringify(objects, null, 2)],
    ['gz', gzipSync(csv)],
    ['zst', zstdCompressSync(csv)],
    ['zip', zipOf({ 'a/': '', 'a/b.csv': csv })],
    ['gz of NDJSON', gzipSync(ndjson)],
  ])('%s gives the same keys', async (_, content) => {
    const { keys, rejects } = await importFiles(space, [space.write('any', content)]);
    expect(keys).toEqual(wanted);
    expect(rejects).toEqual([]);
  });

  test.runIf(hasProgram('bzip2'))(
    'bz2 gives the same keys, by the program and without it',
    async () => {
      const plain = space.write('b.csv', csv);
      const packed = space.write('b.bz2', execFileSync('bzip2', ['-c', plain]));
      expect((await importFiles(space, [packed])).keys).toEqual(wanted);
      const cut = space.write('cut.bz2', readFileSync(packed).subarray(0, -12));
      const path = process.env.PATH;
      await expect(importFiles(space, [cut])).rejects.toMatchObject({ code: 'input-unreadable' });
      try {
        process.env.PATH = space.dir;
        expect((await importFiles(space, [packed])).keys).toEqual(wanted);
        await expect(importFiles(space, [cut])).rejects.toMatchObject({ code: 'input-unreadable' });
      } finally {
        process.env.PATH = path;
      }
    },
  );

  function reorder(text: string): string {
    const lines = text.trimEnd().split('\n');
    return lines
      .map((line, i) => line.split(',').reverse().join(',')[i === 0 ? 'toUpperCase' : 'toString']())
      .join('\n');
  }
});

describe('rejected rows', () => {
  test('each is reported with the line it begins on, also behind quoted line breaks', async () => {
    const file = space.write(
      'rejects.csv',
      [
        `${SLTD_HEADER},place_of_theft`,
        'UTO,PAS,A1,,,lost,"two\nlines"',
        'Atlantis,PAS,A2,,,lost,',
        '"UTO",PAS,A3,,,lost,"three\r\nlines, ""quoted""\n"',
        'UTO,PAS,,,,lost,',
        'UTO,PAS,A☃,,,lost,',
        'UTO,PAS,A4,,,lost',
        'UTO,PAS,A5,,,"lost"x,',
        `UTO,PAS,${'9'.repeat(33)},,,lost,`,
        'UTO,PAS,,A9,B9,lost,',
        'UTO,PAS,,A0000001,A9000001,lost,',
        'UTO,PAS,A6,,,lost,',
        'UTO,PAS,A7,,,lost,"never closed',
        'UTO,PAS,A8,,,lost,',
      ].join('\n'),
    );
    const { keys, rejects, rows, accepted } = await importFiles(space, [file]);
    const places = rejects.map((line) => line.split(',').slice(0, 4).join(','));
    expect(places).toEqual([
      'rejects.csv,4,state,state-unknown',
      'rejects.csv,8,number,number-missing',
      'rejects.csv,9,number,number-bad-character',
      'rejects.csv,10,,row-columns',
      'rejects.csv,11,,row-quotes',
      'rejects.csv,12,number,number-too-long',
      'rejects.csv,13,number_from,range-invalid',
      'rejects.csv,14,number_from,range-too-large',
      'rejects.csv,16,,row-quotes',
    ]);
    expect(keys.map((key) => key.slice(4))).toEqual(['A1 lost', 'A3 lost', 'A6 lost', 'A8 lost']);
    expect(rows).toBe(accepted + rejects.length);
  });

  test('a number that was read as floating point is no number, in any number column', async () => {
    const texts = ['123456789.0', ' 12.000 ', '"7.0"'];
    const rows = texts.map((text) => `UTO,PAS,${text},,,lost`);
    const ranges = ['UTO,PAS,,10.0,12,lost', 'UTO,PAS,,10,12.0,lost', 'UTO,PAS,A1,10.0,12.0,lost'];
    const csv = space.write('float.csv', sltdCsv(...rows, ...ranges, 'UTO,PAS,12.05,,,lost'));
    const { keys, rejects } = await importFiles(space, [csv]);
    // With its zero read as a digit it would be another document's number.
    expect(keys).toEqual(['PUTO1205 lost']);
    expect(rejects.map((line) => line.split(',').slice(2, 4).join())).toEqual([
      ...texts.map(() => 'number,number-bad-character'),
      ...ranges.map(() => 'number_from,number-bad-character'),
    ]);
    const series = space.write('float-ru.csv', 'PASSP_SERIES,PASSP_NUMBER\n404.0,14817\n');
    expect((await importFiles(space, [series], RU_MVD)).keys).toEqual([]);
    const row = '"issuing_state":"UTO","document_type":"PAS","category":"lost"';
    const json = space.write(
      'float.ndjson',
      `{${row},"number":"123456789.0"}\n{${row},"number":123456789.0}\n`,
    );
    const fromJson = await importFiles(space, [json]);
    // A number of JSON is its value, however it is written.
    expect(fromJson.keys).toEqual(['PUTO123456789 lost']);
    expect(fromJson.rejects[0]).toContain('number-bad-character');
  });

  test('a number in the exponent notation of a spreadsheet is no number', async () => {
    const texts = ['1.23457E11', '1.23457E+11', '1,2e-3', '2E+10', '12345,0', '1.0E10'];
    // A serial may well be digits, one E, digits.
    const fine = ['1E234567', 'E12', '12E'];
    const rows = [...texts, ...fine].map((text) => `UTO,PAS,"${text}",,,lost`);
    const { keys, rejects } = await importFiles(space, [
      space.write('exponent.csv', sltdCsv(...rows)),
    ]);
    expect(keys).toEqual(fine.map((number) => `PUTO${number} lost`));
    expect(rejects.map((line) => line.split(',')[3])).toEqual(
      texts.map(() => 'number-bad-character'),
    );
    const row = '"issuing_state":"UTO","document_type":"PAS","category":"lost"';
    const lines = [
      ...[`{${row},"number":1.23457E11}`, `{${row},"number":12e3}`],
      ...[`{${row},"number":123457,"note":"1E5"}`, `{${row},"number":77,"note":{"number":1e5}}`],
    ];
    const json = space.write('exponent.ndjson', lines.join('\n'));
    const fromJson = await importFiles(space, [json]);
    // An exponent elsewhere in the row is not the number's.
    expect(fromJson.keys).toEqual(['PUTO123457 lost', 'PUTO77 lost']);
    expect(fromJson.rejects.map((line) => line.split(',')[3])).toEqual(['row-value', 'row-value']);
  });

  test('no value of a row stands in the reject file', async () => {
    const file = space.write(
      'secret.csv',
      sltdCsv('Nowhere,PAS,SECRET1,,,lost', 'UTO,PAS,SECRET☃,,,lost'),
    );
    const { rejects } = await importFiles(space, [file]);
    expect(rejects).toHaveLength(2);
    expect(rejects.join()).not.toMatch(/SECRET|Nowhere/);
  });

  test('a broken JSON object costs itself alone', async () => {
    const good = (n: number) =>
      `{"issuing_state":"UTO","document_type":"PAS","number":${n},"category":"lost"}`;
    const lines = space.write(
      'j.ndjson',
      `${good(1)}\n{"number":\n[1]\n\n${good(2)}\n{"number":{},"issuing_state":"UTO"}\n`,
    );
    const result = await importFiles(space, [lines]);
    expect(result.keys).toEqual(['PUTO1 lost', 'PUTO2 lost']);
    expect(result.rejects.map((line) => line.split(',').slice(1, 4).join())).toEqual([
      ...['2,,row-json', '3,,row-json', '6,,row-value'],
    ]);
    const array = space.write('j.json', `[\n${good(1)},\n{"a":nope},\n7,${good(2)}\n]`);
    const other = await importFiles(space, [array]);
    expect(other.keys).toEqual(result.keys);
    expect(other.rejects.map((line) => line.split(',').slice(1, 4).join())).toEqual([
      ...['3,,row-json', '4,,row-json'],
    ]);
  });

  test('an unknown category or type lists the document all the same', async () => {
    const file = space.write('notes.csv', sltdCsv('UTO,XYZ,A1,,,mislaid', 'UTO,,A2,,,constructor'));
    const { keys, notes, rejects } = await importFiles(space, [file]);
    expect(rejects).toEqual([]);
    expect(keys).toHaveLength(8);
    expect(new Set(keys.map((key) => key.split(' ')[1]))).toEqual(new Set(['unspecified']));
    expect(notes).toEqual({ 'category-unknown': 2, 'type-unknown': 2 });
  });
});

describe('inputs that are refused as a whole', () => {
  const gz = gzipSync(sltdCsv('UTO,PAS,A1,,,lost').repeat(100));
  const bomb = gzipSync(Buffer.concat([Buffer.from(sltdCsv()), Buffer.alloc(80 * 2 ** 20, 0x20)]));
  test.each<[string, string, string | Uint8Array]>([
    ['an empty file', 'input-empty', ''],
    ['a header without a row', 'input-empty', sltdCsv()],
    ['an empty JSON array', 'input-empty', '[]'],
    ['UTF-16', 'input-encoding', Buffer.from(`\ufeff${sltdCsv('UTO,PAS,A1,,,lost')}`, 'utf16le')],
    [
      'UTF-16 without a mark',
      'input-encoding',
      Buffer.from(sltdCsv('UTO,PAS,A1,,,lost'), 'utf16le'),
    ],
    [
      'Latin-1 for UTF-8',
      'input-encoding',
      Buffer.from(sltdCsv('UTO,PAS,\u00c91,,,lost'), 'latin1'),
    ],
    [
      'a character cut off at the end',
      'input-encoding',
      Buffer.from(sltdCsv('UTO,PAS,É')).subarray(0, -2),
    ],
    ['a missing column', 'input-schema', 'issuing_state,number,category\nUTO,A1,lost\n'],
    ['JSON without a column', 'input-schema', '[{"number":"1","issuing_state":"UTO"}]'],
    ['two columns of one name', 'input-schema', `${SLTD_HEADER},Number\nUTO,PAS,A1,,,lost,B2\n`],
    ['two columns that differ by blanks', 'input-schema', `${SLTD_HEADER}, category\na,,,,,,\n`],
    [
      'JSON with two members that differ by case',
      'input-schema',
      '[{"number":"1","issuing_state":"UTO","document_type":"PAS","category":"lost","NUMBER":"2"}]',
    ],
    [
      'JSON with a member that may be left out, in other case',
      'input-schema',
      '[{"number":"1","issuing_state":"UTO","document_type":"PAS","category":"lost","Number_From":"2"}]',
    ],
    [
      'JSON with the same member twice',
      'input-schema',
      '{"number":"1","issuing_state":"UTO","document_type":"PAS","category":"lost","number":"2"}',
    ],
    ['a cut-off gz', 'input-unreadable', gz.subarray(0, -20)],
    [
      'a broken zst',
      'input-unreadable',
      Buffer.concat([zstdCompressSync('x').subarray(0, 4), Buffer.from('garbage')]),
    ],
    [
      'a cut-off zip',
      'input-unreadable',
      zipOf({ 'a.csv': sltdCsv('UTO,PAS,A1,,,lost') }).subarray(0, -10),
    ],
    ['a zip without a file', 'input-empty', zipOf({ 'a/': '' })],
    ['a cut-off JSON array', 'input-unreadable', '[{"number":"1"},'],
    ['text behind a JSON array', 'input-unreadable', '[] []'],
    ['a broken Parquet file', 'input-unreadable', 'PAR1 and nothing more'],
    ['a decompression bomb', 'input-unreadable', bomb],
  ])('%s', async (_, code, content) => {
    const file = space.write('bad-input', content);
    await expect(importFiles(space, [file])).rejects.toMatchObject({ code });
  });

  test('but not for two columns that no profile reads, nor for members within a member', async () => {
    const csv = space.write('remarks.csv', `${SLTD_HEADER},note,Note\nUTO,PAS,A1,,,lost,x,y\n`);
    expect((await importFiles(space, [csv])).keys).toEqual(['PUTOA1 lost']);
    const row = { issuing_state: 'UTO', document_type: 'PAS', category: 'lost', number: 'A1' };
    const odd = { note: '"number": "', Note: [{ number: 1 }, { number: ':' }], 'a:"\\': {} };
    const json = space.write('remarks.json', JSON.stringify([{ ...row, ...odd }]));
    expect((await importFiles(space, [json])).keys).toEqual(['PUTOA1 lost']);
  });

  test('a file that is not there, and a folder', async () => {
    const missing = importFiles(space, [space.path('nothing')]);
    await expect(missing).rejects.toMatchObject({ code: 'input-unreadable' });
    await expect(importFiles(space, [space.dir])).rejects.toMatchObject({
      code: 'input-unreadable',
    });
  });

  test('a difference column count that the profile does not know', async () => {
    const file = space.write('cz4.csv', '1;2;3;4\n');
    await expect(importFiles(space, [file], CZ_MVCR)).rejects.toMatchObject({
      code: 'input-schema',
    });
  });
});

describe('numbers', () => {
  test('any text of a number column gives what canonicalNumber gives', async () => {
    const character = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...'ABZ019') },
      { weight: 2, arbitrary: fc.constantFrom(...'az -<./É٣Ж№²☃"\n,') },
    );
    const texts = fc.array(fc.string({ unit: character, maxLength: 40 }), {
      minLength: 1,
      maxLength: 50,
    });
    await fc.assert(
      fc.asyncProperty(texts, async (numbers) => {
        const rows = numbers.map((number) => `UKR,PAS,"${number.replaceAll('"', '""')}",,,lost`);
        const { keys, rejects } = await importFiles(space, [
          space.write('numbers.csv', sltdCsv(...rows)),
        ]);
        const results = numbers.map((number) =>
          /^\d+\.0+$/.test(number.trim())
            ? ({ ok: false, code: 'number-bad-character' } as const)
            : canonicalNumber(number, 'UKR' as StateCode),
        );
        expect(keys).toEqual(results.flatMap((r) => (r.ok ? [`PUKR${r.value} lost`] : [])));
        expect(rejects.map((line) => line.split(',')[3])).toEqual(
          results.flatMap((r) => (r.ok ? [] : [r.code])),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('a range lists every number from end to end, over the carry', async () => {
    const file = space.write(
      'range.csv',
      sltdCsv('UTO,PAS,,AB0998,ab-1002,stolen-blank', 'UTO,PAS,,7,7,lost'),
    );
    const { keys } = await importFiles(space, [file]);
    expect(keys.map((key) => key.slice(4).split(' ')[0])).toEqual([
      ...['AB0998', 'AB0999', 'AB1000', 'AB1001', 'AB1002', '7'],
    ]);
  });

  test('a row with a number and a range lists both', async () => {
    const file = space.write(
      'both.csv',
      sltdCsv('UTO,PAS,zz-1,A08,A10,lost', 'UTO,PAS,B2,B1,B3,stolen-blank'),
    );
    const { keys, rows, accepted } = await importFiles(space, [file]);
    expect(keys.map((key) => key.slice(4).split(' ')[0])).toEqual([
      ...['ZZ1', 'A08', 'A09', 'A10'],
      // A number within its range is one of the range.
      ...['B1', 'B2', 'B3'],
    ]);
    expect([rows, accepted]).toEqual([2, 2]);
  });

  test.each([
    ['A☃,A1,A2', 'number,number-bad-character'],
    ['A9,A2,A1', 'number_from,range-invalid'],
  ])('a row of which one of both cannot be read is rejected: %s', async (numbers, place) => {
    const file = space.write('one.csv', sltdCsv(`UTO,PAS,${numbers},lost`));
    const { keys, rejects } = await importFiles(space, [file]);
    expect(keys).toEqual([]);
    expect(rejects.map((line) => line.split(',').slice(2, 4).join())).toEqual([place]);
  });

  test.each([
    ['A9', 'A1'],
    ['A1', 'B2'],
    ['A1', 'A10'],
    ['A1X', 'A2X'],
    ['A1', ''],
    ['', 'A1'],
  ])('a range from "%s" to "%s" is rejected', async (from, to) => {
    const file = space.write('r.csv', sltdCsv(`UTO,PAS,,${from},${to},lost`));
    const { rejects } = await importFiles(space, [file]);
    expect(rejects[0]).toContain('range-invalid');
  });
});
