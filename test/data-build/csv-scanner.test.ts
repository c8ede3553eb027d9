import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markByWasm, markPlainly } from '../../data-build/import/csv-marks.ts';
import { CsvScanner } from '../../data-build/import/csv-scanner.ts';
import { JsonScanner } from '../../data-build/import/json-scanner.ts';
import type { RowSink } from '../../data-build/import/row-sink.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';

/** Collects rows as text; a row that could not be read as its code. */
function collector(
  columnCount?: number,
): RowSink & { rows: (string[] | string)[]; lines: number[] } {
  const decoder = new TextDecoder();
  const rows: (string[] | string)[] = [];
  const lines: number[] = [];
  return {
    ...{ rows, lines },
    row: (bytes, starts, ends, line, fieldCount) => {
      const count = columnCount ?? fieldCount;
      rows.push(
        Array.from({ length: count }, (_, i) => decoder.decode(bytes.subarray(starts[i], ends[i]))),
      );
      lines.push(line);
    },
    bad: (line, code) => {
      rows.push(code);
      lines.push(line);
    },
  };
}

/** Feeds the text in pieces cut at the given places. */
function feed(
  scanner: { push(chunk: Uint8Array): void; end(): void },
  text: string,
  cuts: number[],
) {
  const bytes = new TextEncoder().encode(text);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const place of [...places, bytes.length]) {
    scanner.push(bytes.subarray(from, place));
    from = place;
  }
  scanner.end();
}

const field = fc.string({ unit: fc.constantFrom(...'ab1,;"\r\n é'), maxLength: 8 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

const byWasm = markByWasm(readMatcherModule());

test('the places where fields may end are the same by bytes and by wasm, for any bytes', () => {
  const text = fc.array(
    fc.oneof(fc.constantFrom(...Buffer.from(',;|\t\n\r"')), fc.integer({ min: 0, max: 255 })),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(text, fc.constantFrom(...Buffer.from(',;|\t')), (codes, separator) => {
      const bytes = Uint8Array.from(codes);
      expect([...byWasm(bytes, separator)]).toEqual([...markPlainly(bytes, separator)]);
    }),
  );
});

describe.each([
  ['bytes', markPlainly],
  ['wasm', byWasm],
])('CSV with the ends of fields by %s', (_, markCsv) => {
  test('rows of any fields come back as they were, cut anywhere, with their lines', () => {
    const table = fc
      .integer({ min: 2, max: 5 })
      .chain((count) =>
        fc.array(fc.array(field, { minLength: count, maxLength: count }), { minLength: 1 }),
      );
    const lineBreak = fc.constantFrom('\n', '\r\n');
    fc.assert(
      fc.property(table, cuts, lineBreak, fc.boolean(), (rows, places, end, isOpen) => {
        const written = rows.map((row) =>
          row.map((text) => `"${text.replaceAll('"', '""')}"`).join(),
        );
        const text = written.join(end) + (isOpen ? '' : end);
        const sink = collector();
        feed(new CsvScanner({ sink, markCsv, separator: ',' }), text, places);
        expect(sink.rows).toEqual(rows);
        let line = 1;
        const lines = written.map((row) => {
          const start = line;
          line += row.split('\n').length;
          return start;
        });
        expect(sink.lines).toEqual(lines);
      }),
    );
  });

  test('any bytes at all are read to the end, and how they are cut changes nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab,"\n\r'), maxLength: 60 }),
        cuts,
        (text, places) => {
          const [whole, pieces] = [collector(), collector()];
          feed(new CsvScanner({ sink: whole, markCsv, separator: ',', columnCount: 2 }), text, []);
          feed(
            new CsvScanner({ sink: pieces, markCsv, separator: ',', columnCount: 2 }),
            text,
            places,
          );
          expect(pieces.rows).toEqual(whole.rows);
          expect(pieces.lines).toEqual(whole.lines);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a stray quote costs its own row, not those behind it', () => {
    const sink = collector();
    const text = 'a,b\n"x,1\nc,d\n"y",2\ne,f\n';
    feed(new CsvScanner({ sink, markCsv, separator: ',' }), text, []);
    expect(sink.rows).toEqual([['a', 'b'], 'row-quotes', ['c', 'd'], ['y', '2'], ['e', 'f']]);
  });

  test('a row without an end is given up after 1 MiB, and its line is passed over', () => {
    const sink = collector();
    const text = `a,b\n"${'x\n'.repeat(700_000)}`;
    const scanner = new CsvScanner({ sink, markCsv, separator: ',' });
    feed(
      scanner,
      text,
      Array.from({ length: 20 }, (_, i) => i * 70_000),
    );
    expect(sink.rows[0]).toEqual(['a', 'b']);
    expect(sink.rows[1]).toBe('row-too-long');
    expect(sink.rows[2]).toBe('row-columns');
  });

  test('more columns than 512 are no row', () => {
    const sink = collector();
    feed(new CsvScanner({ sink, markCsv, separator: ',' }), `${','.repeat(600)}\na,b\n`, []);
    expect(sink.rows).toEqual(['row-columns', ['a', 'b']]);
  });
});

describe('JSON', () => {
  const value = fc.oneof(field, fc.nat(), fc.constant(null));
  const objects = fc.array(fc.record({ a: value, b: value, c: fc.jsonValue() }), { maxLength: 8 });
  const textOf = (member: unknown) => (member === null ? '' : String(member));

  test('an array and a line each give the same rows, cut anywhere', () => {
    fc.assert(
      fc.property(objects, cuts, fc.constantFrom(0, 2), (rows, places, indent) => {
        const wanted = rows.map(({ a, b }) => [textOf(b), textOf(a)]);
        const array = collector(2);
        feed(
          new JsonScanner({ sink: array, columns: ['b', 'a'] }),
          JSON.stringify(rows, null, indent),
          places,
        );
        expect(array.rows).toEqual(wanted);
        const lines = collector(2);
        const text = rows.map((row) => JSON.stringify(row)).join('\n');
        feed(new JsonScanner({ sink: lines, columns: ['b', 'a'] }), text, places);
        expect(lines.rows).toEqual(wanted);
        expect(lines.lines).toEqual(rows.map((_, index) => index + 1));
      }),
    );
  });

  test('a number with an exponent is bad where it is a column, and nobody minds one deeper down', () => {
    const rows = collector(1);
    const text = '{"a":1e3}\n{"a":7,"c":{"a":1e-7}}\n{"c":[{"a":1e3}],"a":8}';
    feed(new JsonScanner({ sink: rows, columns: ['a'] }), text, []);
    expect(rows.rows).toEqual(['row-value', ['7'], ['8']]);
  });
});
