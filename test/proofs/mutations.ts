/**
 * A good export, and everything that goes wrong with exports: by hand, by spreadsheet, on the line, by malice.
 *
 * Each mutation says what must become of it: the code that refuses it, or `published` if all its records
 * are still to be had.
 */

import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../src/errors.ts';
import { zipOf } from '../data-build/zip-of.ts';

export interface Mutation {
  name: string;
  /** The code that a build with default settings ends with. */
  result: ErrorCode | 'published';
  bytes(): Uint8Array | string;
  /** Name of the file, where that is what is wrong. */
  fileName?: string;
  /** Given as --as-of, in milliseconds. */
  asOf?: number;
}

const COLUMNS = [
  ...['issuing_state', 'document_type', 'number', 'number_from', 'number_to', 'category'],
  ...['place_of_theft', 'reported_at'],
];

/** Field of a row, by its column. */
type Row = Record<string, string>;

const CATEGORIES = ['stolen', 'lost', 'invalid', 'revoked'];

/** 300 records of one state, 100 and 20 of two others; none looks like another. */
export const GOLDEN_RECORDS: readonly { state: string; number: string }[] = [
  ...Array.from({ length: 300 }, (_, i) => ({ state: 'UTO', number: `${100_000_007 + 7919 * i}` })),
  ...Array.from({ length: 100 }, (_, i) => ({ state: 'D', number: `C${1_000_003 + 7919 * i}` })),
  ...Array.from({ length: 20 }, (_, i) => ({ state: 'FRA', number: `09AB${10_007 + 79 * i}` })),
];

const ROWS: readonly Row[] = GOLDEN_RECORDS.map(({ state, number }, i) => ({
  ...{ issuing_state: state, document_type: 'PAS', number, number_from: '', number_to: '' },
  ...{ category: CATEGORIES[i % CATEGORIES.length]!, place_of_theft: i % 9 ? '' : 'Orléans' },
  reported_at: `2025-01-${String(1 + (i % 30)).padStart(2, '0')}`,
}));

interface Layout {
  rows?: readonly Row[];
  columns?: readonly string[];
  /** Names in the header, if they are not those of the columns. */
  header?: readonly string[];
  separator?: string;
  lineEnd?: string;
}

function csv(layout: Layout = {}): string {
  const { rows = ROWS, columns = COLUMNS, separator = ',', lineEnd = '\n' } = layout;
  const lines = rows.map((row) => columns.map((column) => row[column] ?? '').join(separator));
  return [(layout.header ?? columns).join(separator), ...lines, ''].join(lineEnd);
}

/** The good export, as CSV. */
export const goldenCsv = (): string => csv();

/** Every row changed. */
const each = (change: (row: Row, index: number) => Partial<Row>, rows = ROWS): readonly Row[] =>
  rows.map((row, index) => ({ ...row, ...change(row, index) }) as Row);

/** One row changed, in the middle of the file. */
const one = (change: (row: Row) => Partial<Row>): readonly Row[] =>
  each((row, index) => (index === 150 ? change(row) : {}));

const lines = (): string[] => csv().trimEnd().split('\n');
const ndjson = (rows: readonly Row[] = ROWS): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const utf16 = (text: string, mark: string): Buffer => Buffer.from(mark + text, 'utf16le');
/** The good export, and 80 MiB of nothing behind it. */
const bomb = (): string => csv() + '\n'.repeat(80 * 1024 * 1024);
const flipped = (bytes: Buffer, position: number): Buffer => {
  bytes[position]! ^= 0xff;
  return bytes;
};
const ENTITY_BOMB =
  '<?xml version="1.0"?>\n<!DOCTYPE list [\n<!ENTITY a "aaaaaaaaaa">\n<!ENTITY b "&a;&a;&a;&a;">\n' +
  '<!ENTITY c "&b;&b;&b;&b;">]>\n<list><record><number>&c;</number></record></list>\n';

type Entry = [
  name: string,
  result: Mutation['result'],
  bytes: Mutation['bytes'],
  more?: Pick<Mutation, 'fileName' | 'asOf'>,
];

const ENTRIES: readonly Entry[] = [
  // What is missing, or there too often.
  ['empty', 'input-empty', () => ''],
  ['blank lines only', 'input-empty', () => '\n\n\n'],
  ['the header alone', 'input-empty', () => csv({ rows: [] })],
  ['half of the rows', 'gate-refused', () => csv({ rows: ROWS.slice(0, 210) })],
  ['cut in the middle of a row', 'input-rejects', () => csv().slice(0, 8_100)],
  ['a state left out', 'gate-refused', () => csv({ rows: ROWS.slice(0, 400) })],
  ['a third of a state left out', 'gate-refused', () => csv({ rows: ROWS.toSpliced(310, 33) })],
  ['doubled', 'gate-refused', () => csv({ rows: [...ROWS, ...ROWS] })],
  ['two files in one, header and all', 'input-rejects', () => csv() + csv()],
  ['the header again every 100 rows', 'input-rejects', () => repeatedHeader()],
  ['the same export once more', 'published', () => csv()],
  ['the same under a later date', 'gate-refused', () => csv(), { asOf: Date.UTC(2025, 5, 1) }],
  ['an export of the year before', 'gate-refused', () => csv().replaceAll('2025-01', '2024-01')],

  // Columns.
  ['columns in another order', 'published', () => csv({ columns: COLUMNS.toReversed() })],
  ['columns in another order than the header', 'input-rejects', () => reversedUnder(COLUMNS)],
  ['number and category swapped', 'gate-refused', () => csv({ header: swapped() })],
  ['no header', 'input-schema', () => lines().slice(1).join('\n')],
  ['a column left out', 'input-schema', () => csv({ columns: without('category') })],
  ['a column left out that may be', 'gate-refused', () => csv({ columns: without('number_to') })],
  ['a column more', 'gate-refused', () => csv({ columns: [...COLUMNS, 'remark'] })],
  [
    'two columns of one name',
    'input-schema',
    () => csv({ header: renamed('number_to', 'Number') }),
  ],
  [
    'the number under another name',
    'input-rejects',
    () => csv({ header: renamed('number', 'no') }),
  ],
  ['a separator at the end of each row', 'input-rejects', () => withTrailingSeparator()],
  ['600 columns in a row', 'input-rejects', () => replacedLine(100, ','.repeat(599))],
  ['semicolons', 'published', () => csv({ separator: ';' })],
  ['tabs', 'published', () => csv({ separator: '\t' })],
  ['bars', 'published', () => csv({ separator: '|' })],
  ['colons', 'input-schema', () => csv({ separator: ':' })],
  ['semicolons from the middle on', 'input-rejects', () => halfWithSemicolons()],

  // Encodings and lines.
  ['UTF-16 with a mark', 'input-encoding', () => utf16(csv(), '\ufeff')],
  ['UTF-16, big-endian', 'input-encoding', () => utf16(csv(), '\ufeff').swap16()],
  ['UTF-16 without a mark', 'input-encoding', () => utf16(csv(), '')],
  ['Latin-1', 'input-encoding', () => Buffer.from(csv(), 'latin1')],
  ['a byte order mark', 'published', () => `\ufeff${csv()}`],
  ['a byte order mark in the middle', 'input-rejects', () => `${csv()}\ufeff${csv()}`],
  ['cut within a character', 'input-encoding', () => Buffer.from(`${csv()}é`).subarray(0, -1)],
  ['NUL bytes in a number', 'input-encoding', () => csv({ rows: numberOf('1\u00002') })],
  ['NUL bytes to fill the last block', 'input-encoding', () => csv() + '\0'.repeat(512)],
  ['CRLF', 'published', () => csv({ lineEnd: '\r\n' })],
  ['CR', 'published', () => csv({ lineEnd: '\r' })],
  ['all three line ends', 'published', () => mixedLineEnds()],
  ['a blank line after each row', 'published', () => csv({ lineEnd: '\n\n' })],
  ['no line end at the end', 'published', () => csv().trimEnd()],
  ['a line of 2 MiB', 'input-rejects', () => replacedLine(100, 'A'.repeat(2 ** 21))],
  ['a quote that is never closed', 'input-rejects', () => replacedLine(100, `"${lines()[100]}`)],
  ['100,000 quotes', 'input-rejects', () => replacedLine(100, '"'.repeat(100_001))],
  ['every field in quotes', 'published', () => quoted()],
  ['a line break in a quoted field', 'published', () => csv({ rows: placeOf('"a\nb"') })],

  // Numbers and fields, as spreadsheets and people leave them.
  ['numbers in exponent notation', 'input-rejects', () => csv({ rows: asExponents() })],
  ['numbers with a decimal zero', 'input-rejects', () => csv({ rows: numbersAs((n) => `${n}.0`) })],
  ['with a decimal comma', 'input-rejects', () => csv({ rows: numbersAs((n) => `"${n},0"`) })],
  [
    'lower case and blanks',
    'published',
    () => csv({ rows: numbersAs((n) => ` ${n.toLowerCase()} `) }),
  ],
  ['digits of another script', 'published', () => csv({ rows: numbersAs(fullWidth) })],
  [
    'marks that print nothing',
    'published',
    () => csv({ rows: numbersAs((n) => `\u200b${n}\u200e`) }),
  ],
  ['a control character', 'input-rejects', () => csv({ rows: numberOf('12\u00013') })],
  ['a number of 200 characters', 'input-rejects', () => csv({ rows: numberOf('9'.repeat(200)) })],
  [
    'a state that is none',
    'input-rejects',
    () => csv({ rows: one(() => ({ issuing_state: '276' })) }),
  ],
  ['a category that is none', 'published', () => csv({ rows: each(() => ({ category: 'x' })) })],
  ['a type that is none', 'published', () => csv({ rows: one(() => ({ document_type: '?' })) })],
  ['a range the wrong way round', 'input-rejects', () => csv({ rows: rangeOf('A20', 'A10') })],
  ['a range of a billion', 'input-rejects', () => csv({ rows: rangeOf('A0', 'A0') })],
  [
    'a report from the future',
    'published',
    () => csv({ rows: one(() => ({ reported_at: '2999-01-01' })) }),
  ],
  ['all reports from the future', 'config-invalid', () => csv().replaceAll('2025-01', '2999-01')],
  ['dates that are none', 'published', () => csv({ rows: one(() => ({ reported_at: 'soon' })) })],

  // Other formats.
  // Four times the size of yesterday's file: somebody should have said so.
  ['NDJSON', 'gate-refused', () => ndjson()],
  ['NDJSON, packed', 'published', () => gzipSync(ndjson())],
  ['a JSON array, packed', 'published', () => gzipSync(JSON.stringify(ROWS))],
  ['a JSON array, cut off', 'input-unreadable', () => JSON.stringify(ROWS).slice(0, -1)],
  ['text behind a JSON array', 'input-unreadable', () => `${JSON.stringify(ROWS)}]`],
  ['a JSON object cut off', 'input-rejects', () => ndjson().slice(0, -20)],
  [
    'members in other case',
    'input-schema',
    () => ndjson().replaceAll('number_from', 'Number_From'),
  ],
  [
    'a member twice',
    'input-schema',
    () => ndjson().replace('"number":', '"number":"X1","number":'),
  ],
  ['JSON numbers with an exponent', 'input-rejects', () => jsonNumber('1.23457E11')],
  ['a JSON number that is a list', 'input-rejects', () => jsonNumber('["1"]')],
  ['an XML entity bomb', 'input-schema', () => ENTITY_BOMB],
  ['an error page', 'input-schema', () => '<html><h1>503 Service Unavailable</h1></html>\n'],
  ['a PDF', 'input-encoding', () => Buffer.from('%PDF-1.7\n\xe2\xe3\xcf\xd3\n1 0 obj\n', 'latin1')],
  ['the end of a Parquet file missing', 'input-unreadable', () => 'PAR1 and nothing more'],

  // Packed.
  ['gz', 'published', () => gzipSync(csv())],
  ['gz in two members', 'published', () => gzInTwo()],
  ['gz, cut off', 'input-unreadable', () => gzipSync(csv()).subarray(0, -20)],
  ['gz with a flipped byte', 'input-unreadable', () => flipped(gzipSync(csv()), 700)],
  ['gz in gz', 'input-encoding', () => gzipSync(gzipSync(csv()))],
  ['a gz bomb', 'input-unreadable', () => gzipSync(bomb())],
  ['zip', 'published', () => zipOf({ 'list.csv': csv() })],
  ['zip, cut off', 'input-unreadable', () => zipOf({ 'list.csv': csv() }).subarray(0, -40)],
  ['a zip of 17 files', 'input-unreadable', () => zipOf(seventeen())],
  ['a zip bomb', 'input-unreadable', () => zipOf({ 'list.csv': bomb() })],
  ['a wrong extension', 'published', () => csv(), { fileName: 'list.parquet' }],
  ['gz without its extension', 'published', () => gzipSync(csv()), { fileName: 'list.json' }],
];

/** All of them. */
export const MUTATIONS: readonly Mutation[] = ENTRIES.map(([name, result, bytes, more]) => ({
  ...{ name, result, bytes },
  ...more,
}));

const without = (column: string): string[] => COLUMNS.filter((each) => each !== column);
const renamed = (from: string, to: string): string[] =>
  COLUMNS.map((column) => (column === from ? to : column));
const swapped = (): string[] =>
  COLUMNS.map((column) => ({ number: 'category', category: 'number' })[column] ?? column);

/** The fields in one order under a header in the other. */
const reversedUnder = (columns: readonly string[]): string =>
  csv({ columns: columns.toReversed(), header: columns });

function repeatedHeader(): string {
  const [header, ...rows] = lines();
  return `${[header, ...rows.flatMap((row, i) => (i % 100 === 99 ? [row, header!] : [row]))].join('\n')}\n`;
}

const replacedLine = (index: number, line: string): string => lines().with(index, line).join('\n');

function withTrailingSeparator(): string {
  const [header, ...rows] = lines();
  return [header, ...rows.map((row) => `${row},`)].join('\n');
}

const halfWithSemicolons = (): string =>
  lines()
    .map((line, index) => (index > 210 ? line.replaceAll(',', ';') : line))
    .join('\n');

const mixedLineEnds = (): string =>
  lines()
    .map((line, index) => line + ['\n', '\r\n', '\r'][index % 3]!)
    .join('');

const quoted = (): string =>
  lines()
    .map((line) =>
      line
        .split(',')
        .map((field) => `"${field}"`)
        .join(),
    )
    .join('\n');

const numberOf = (number: string): readonly Row[] => one(() => ({ number }));
const placeOf = (place: string): readonly Row[] => one(() => ({ place_of_theft: place }));

const numbersAs = (spell: (number: string) => string): readonly Row[] =>
  each(({ number }) => (/^\d+$/.test(number!) ? { number: spell(number!) } : { number: number! }));

const asExponents = (): readonly Row[] =>
  numbersAs((number) => Number(number).toExponential(5).toUpperCase());

const fullWidth = (number: string): string =>
  [...number].map((digit) => String.fromCharCode(0xff10 + Number(digit))).join('');

/** A range beside the rows, so that no number of theirs is gone with it. */
function rangeOf(from: string, to: string): readonly Row[] {
  const ends = from === to ? { number_from: 'A0000000000', number_to: 'A0999999999' } : {};
  return [...ROWS, { ...ROWS[0]!, number: '', number_from: from, number_to: to, ...ends }];
}

/** The number of one object as JSON, whatever it is. */
const jsonNumber = (json: string): string =>
  ndjson().replace(`"number":"${ROWS[150]!.number}"`, `"number":${json}`);

function gzInTwo(): Buffer {
  const middle = csv().indexOf('\n', 9_000) + 1;
  return Buffer.concat([gzipSync(csv().slice(0, middle)), gzipSync(csv().slice(middle))]);
}

const seventeen = (): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`${i}.csv`, csv()]));
