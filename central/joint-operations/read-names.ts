/**
 * The names of documents in a CSV of `number,issuing_state`, with or without a first line of that kind.
 *
 * Read line by line, some at a time: the service answers others in between, and what is not a list
 * costs no more than its lines up to there.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { canonicalNumber } from '../../src/document/canonical-key.ts';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';

/** Lines of a list at most, empty ones and a header too. */
const LINES_MAX = 2_000_000;
/** No number and no state is longer. */
const LINE_BYTES_MAX = 256;
/** A few milliseconds of work; on SQLite, to write them is as much again. */
const LINES_PER_TURN = 500;
const NEW_LINE = 0x0a;
const HEADER = /^number,issuing_state$/i;

/**
 * Issuing state and number of each row as in a canonical key, in batches without a name twice; one may
 * come again in a later batch. Throws the code of the first row that is none: a list with a row left
 * out would count too many hits. 'body-too-large' if it is too long.
 */
export async function* readNames(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<string[]> {
  const names = new Set<string>();
  let count = 0;
  for (const line of linesOf(bytes)) {
    const isHeader = count === 0 && HEADER.test(line);
    if (line !== '' && !isHeader) names.add(nameOf(line));
    count++;
    if (count % LINES_PER_TURN > 0) continue;
    if (names.size > 0) yield [...names];
    names.clear();
    await letOthers();
  }
  if (names.size > 0) yield [...names];
}

function* linesOf(bytes: Uint8Array<ArrayBuffer>): IterableIterator<string> {
  const decoder = new TextDecoder();
  let count = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(NEW_LINE, start);
    const end = found < 0 ? bytes.length : found;
    count++;
    if (count > LINES_MAX) throw new SltdError('body-too-large');
    if (end - start > LINE_BYTES_MAX) throw new SltdError('request-invalid');
    const line = decoder.decode(bytes.subarray(start, end));
    yield line.endsWith('\r') ? line.slice(0, -1) : line;
    start = end + 1;
  }
}

function nameOf(line: string): string {
  const [number, issuingState, ...rest] = line.split(',');
  if (number === undefined || issuingState === undefined || rest.length > 0) {
    throw new SltdError('request-invalid');
  }
  const state = parseStateCode(issuingState);
  if (state === undefined) throw new SltdError('state-unknown');
  const canonical = canonicalNumber(number, state);
  if (!canonical.ok) throw new SltdError(canonical.code);
  return state.padEnd(3, '<') + canonical.value;
}
