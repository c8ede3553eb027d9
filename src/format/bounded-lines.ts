/**
 * Lines of a text that comes in chunks, bounded while they are read.
 *
 * A line ends with LF or CR LF, the last one also without; an empty line after the last end is none. Of a line
 * that is too long nothing is kept, so a file without line breaks takes no more memory than one of them.
 */

const LF = 0x0a;
const CR = 0x0d;

/** The lines in order, bytes that are not UTF-8 replaced; undefined for one of more than `bytesMax` bytes. */
export async function* boundedLines(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<string | undefined> {
  const line = new LineBuffer(bytesMax);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      line.add(chunk.subarray(start, end));
      yield line.take();
      start = end + 1;
    }
    line.add(chunk.subarray(start));
  }
  if (line.length > 0) yield line.take();
}

/** What is there of a line so far. */
class LineBuffer {
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder();
  /** Also of what was not kept. */
  length = 0;

  constructor(bytesMax: number) {
    // One more for the CR, which does not count.
    this.#bytes = new Uint8Array(bytesMax + 1);
  }

  add(part: Uint8Array): void {
    const room = this.#bytes.length - this.length;
    if (room >= part.length) this.#bytes.set(part, this.length);
    this.length += part.length;
  }

  take(): string | undefined {
    const { length } = this;
    this.length = 0;
    const isKept = length <= this.#bytes.length;
    const end = isKept && this.#bytes[length - 1] === CR ? length - 1 : length;
    if (end >= this.#bytes.length) return undefined;
    return this.#decoder.decode(this.#bytes.subarray(0, end));
  }
}
