/**
 * The matcher a second time: plain TypeScript, written from docs/format.md alone.
 *
 * It shares no constant and no code with the wasm matcher or the page codec, so that a mistake in
 * either shows as a difference (test/matcher/conformance.test.ts). Each function follows one section
 * of the document in the document's order; speed comes second. A page is checked on every call: one
 * that the document does not allow throws page-corrupt, it never answers.
 */

import type { CanonicalKey } from '../document/canonical-key.ts';
import { digestOf } from '../document/digest.ts';
import { SltdError } from '../errors.ts';
import type { Digests, Matcher } from './matcher.ts';

type Answer = (d0: number, d1: number, d2: number, d3: number) => number;

interface Page {
  view: DataView;
  shardCount: number;
  keyCount: number;
  tableCount: number;
  parameter: number;
}

/** Answers from pages by the letter of the document; throws page-corrupt on any other page. */
export class ReferenceMatcher implements Matcher {
  digests(keys: readonly CanonicalKey[], epochKey: Uint8Array): Digests {
    const digests = new Uint32Array(4 * keys.length);
    keys.forEach((key, index) => {
      const view = new DataView(digestOf(key, epochKey).buffer);
      for (let word = 0; word < 4; word++) {
        digests[4 * index + word] = view.getUint32(4 * word, true);
      }
    });
    return digests;
  }

  mayContain(filterPage: Uint8Array, digests: Digests): Uint8Array {
    const page = readPage(filterPage, 'SLTDFILT');
    const blocks = page.tableCount;
    if (page.parameter < 1 || page.parameter > 16 || blocks > 65536) corrupt();
    if (filterPage.length !== 64 + 64 * blocks) corrupt();
    return answerAll(page, digests, (_d0, d1, d2) => maybe(page, d1, d2));
  }

  match(matchPage: Uint8Array, digests: Digests): Uint8Array {
    const page = readPage(matchPage, 'SLTDMTCH');
    const slots = checkSections(matchPage, page);
    return answerAll(page, digests, (d0, d1, d2) => slotAnswer(page, slots, { d0, d1, d2 }));
  }
}

/** Section 5. */
function readPage(bytes: Uint8Array, magic: string): Page {
  if (bytes.length < 64) corrupt();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < 8; i++) if (bytes[i] !== magic.charCodeAt(i)) corrupt();
  const version = view.getUint16(8, true);
  const reserved = view.getUint16(10, true) + view.getUint32(56, true) + view.getUint32(60, true);
  if (version !== 2 || reserved !== 0 || view.getUint32(12, true) !== bytes.length) corrupt();
  const page: Page = {
    view,
    shardCount: view.getUint32(24, true),
    keyCount: view.getUint32(28, true),
    tableCount: view.getUint32(32, true),
    parameter: view.getUint32(36, true),
  };
  if (view.getUint32(20, true) >= page.shardCount || page.keyCount > 65536) corrupt();
  if ((page.keyCount === 0) !== (page.tableCount === 0)) corrupt();
  return page;
}

/** Section 6. */
function maybe(page: Page, d1: number, d2: number): number {
  const block = 64 + 64 * multiplyHigh(d1, page.tableCount);
  let h = d2;
  for (let probe = 0; probe < page.parameter; probe++) {
    const bit = h >>> 23;
    if (((page.view.getUint8(block + (bit >>> 3)) >>> (bit & 7)) & 1) === 0) return 0;
    h = multiplyLow(h, 0x9e3779b1);
  }
  return 1;
}

/** Section 7, the sections of the page: where the slots begin. */
function checkSections(bytes: Uint8Array, page: Page): number {
  const { keyCount: n, tableCount: bucketCount } = page;
  if (n === 0) {
    if (bytes.length !== 64 || page.parameter !== 0) corrupt();
    return 64;
  }
  const slots = 64 + roundUp8(bucketCount);
  const slotBytes = Math.ceil((9 * n) / 2);
  if (bucketCount > n || bytes.length !== slots + roundUp8(slotBytes + 4)) corrupt();
  const isZero = (byte: number) => byte === 0;
  if (!bytes.subarray(64 + bucketCount, slots).every(isZero)) corrupt();
  if (!bytes.subarray(slots + slotBytes).every(isZero)) corrupt();
  if (n % 2 === 1 && bytes[slots + slotBytes - 1]! >= 16) corrupt();
  return slots;
}

/** Section 7, a probe. */
function slotAnswer(
  page: Page,
  slots: number,
  { d0, d1, d2 }: { d0: number; d1: number; d2: number },
): number {
  const { view, keyCount: n, parameter: seed } = page;
  const pilot = view.getUint8(64 + bucketOf(d1, seed, page.tableCount));
  const m = (0x9e3779b1 + (pilot >>> 4) * 0x7f4a7c16) % 2 ** 32;
  const slot = (multiplyHigh(multiplyLow(d2 ^ seed, m), n) + (pilot & 15)) % n;

  const w = view.getBigUint64(slots + Math.floor((9 * slot) / 2), true) >> (slot % 2 ? 4n : 0n);
  if (w % 2n ** 32n !== BigInt(d0)) return 0;
  const category = Number((w >> 32n) & 15n);
  return 1 + (category > 5 ? 0 : category);
}

function bucketOf(d1: number, seed: number, bucketCount: number): number {
  const u = multiplyLow(d1 ^ seed, 0x9e3779b1);
  const a = bucketCount >>> 1;
  const c = multiplyHigh(0x99999999, a);
  const b = (5 * (bucketCount - c)) >>> 1;
  return u < 0x99999999 ? multiplyHigh(u, a) : c + multiplyHigh(u - 0x99999999, b);
}

function answerAll(page: Page, digests: Digests, answer: Answer): Uint8Array {
  const answers = new Uint8Array(digests.length / 4);
  if (page.keyCount === 0) return answers; // a page with no key answers absent
  for (let i = 0; i < answers.length; i++) {
    const at = 4 * i;
    answers[i] = answer(digests[at]!, digests[at + 1]!, digests[at + 2]!, digests[at + 3]!);
  }
  return answers;
}

/** floor(a * b / 2^32) of two u32, in halves because a double holds 53 bits. */
function multiplyHigh(a: number, b: number): number {
  const low = Math.floor((a * (b % 65536)) / 65536);
  return Math.floor((a * Math.floor(b / 65536) + low) / 65536);
}

/** a * b mod 2^32. */
function multiplyLow(a: number, b: number): number {
  return Math.imul(a, b) >>> 0;
}

function roundUp8(byteCount: number): number {
  return Math.ceil(byteCount / 8) * 8;
}

function corrupt(): never {
  throw new SltdError('page-corrupt', { detail: 'not as the format says' });
}
