/** Lines of a text in chunks: the same wherever it is cut, and bounded while they are read. */

import { expect, test } from 'vitest';
import { boundedLines } from '../../src/format/bounded-lines.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function linesOf(chunks: Iterable<Uint8Array>, bytesMax: number) {
  async function* stream() {
    yield* chunks;
  }
  const lines: (string | undefined)[] = [];
  for await (const line of boundedLines(stream(), bytesMax)) lines.push(line);
  return lines;
}

test('a text has the same lines wherever it is cut', async () => {
  const bytes = bytesOf('one\r\n\nthrée\rthree\n123456789012\n\u2028four');
  const lines = ['one', '', 'thrée\rthree', '123456789012', '\u2028four'];
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)], 12)).toEqual(lines);
  }
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  expect(await linesOf(single, 12)).toEqual(lines);
});

test.each([
  ['nothing', '', []],
  ['an end alone', '\n', ['']],
  ['no end of the last line', 'a\nb', ['a', 'b']],
])('%s', async (_, text, lines) => {
  expect(await linesOf([bytesOf(text)], 4)).toEqual(lines);
});

test('a line of more bytes than the limit is undefined, its end of line not counted', async () => {
  const text = '1234\n1234\r\n12345\n12345\r\n1234567890\n123é\nlast';
  const lines = ['1234', '1234', undefined, undefined, undefined, undefined, 'last'];
  for (const size of [1, 2, 3, 5, 100]) {
    const bytes = bytesOf(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    expect(await linesOf(chunks, 4), `chunks of ${size}`).toEqual(lines);
  }
});

test('a text of 1 GiB without an end of line is one line of which nothing is kept', async () => {
  const chunk = new Uint8Array(16 * 1024 * 1024).fill(0x7b);
  function* endless() {
    for (let at = 0; at < 64; at++) yield chunk;
  }
  const before = process.memoryUsage().rss;
  expect(await linesOf(endless(), 1_000)).toEqual([undefined]);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
});
