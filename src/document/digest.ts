/**
 * Digest of a canonical key: SipHash-2-4 with 128-bit output under the secret epoch key; its last word
 * is that of the key's look-alike group.
 *
 * The plain, slow-but-clear one: the wasm matcher hashes the batches. The rule stands in
 * docs/format.md section 3; the algorithm is J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast
 * short-input PRF", 2012, section 2, and the authors' reference code for the 128-bit output (the
 * paper has 64 bits only). Held against OpenSSL's in test/document/digest.test.ts.
 */

import { type CanonicalKey, documentName } from './canonical-key.ts';
import { lookAlikeGroup } from './look-alike.ts';

const KEY_BYTES = 16;
const ID_BYTES = 16;
const GROUP_WORD_OFFSET = 12;
const ID_LABEL = 'sltd-epoch-key';

/** v0 to v3, each as low word, high word: "somepseudorandomlygeneratedbytes". */
const INITIAL_STATE = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
];

// Places of v0 to v3 in the state; the high word stands one further.
const V0 = 0;
const V1 = 2;
const V2 = 4;
const V3 = 6;

/** The 16 bytes of a key's digest; throws RangeError if the epoch key is not 16 bytes long. */
export function digestOf(key: CanonicalKey, epochKey: Uint8Array): Uint8Array {
  const hash = (text: string) => sipHash128(epochKey, new TextEncoder().encode(text));
  const digest = hash(key);
  digest.set(
    hash(lookAlikeGroup(documentName(key))).subarray(GROUP_WORD_OFFSET),
    GROUP_WORD_OFFSET,
  );
  return digest;
}

/** The 16 bytes of SipHash-2-4-128 of `data`; throws RangeError if the key is not 16 bytes long. */
export function sipHash128(key: Uint8Array, data: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new RangeError('a SipHash key has 16 bytes');
  const state = Uint32Array.from(INITIAL_STATE);
  for (let word = 0; word < 4; word++) {
    const part = readWord(key, 4 * word);
    state[word]! ^= part;
    state[word + 4]! ^= part;
  }
  state[V1]! ^= 0xee; // marks the 128-bit output

  const wholeBytes = data.length - (data.length % 8);
  for (let offset = 0; offset < wholeBytes; offset += 8) {
    absorb(state, readWord(data, offset), readWord(data, offset + 4));
  }
  const last = new Uint8Array(8);
  last.set(data.subarray(wholeBytes));
  last[7] = data.length; // modulo 256
  absorb(state, readWord(last, 0), readWord(last, 4));

  const digest = new Uint8Array(16);
  const view = new DataView(digest.buffer);
  for (let half = 0; half < 2; half++) {
    if (half === 0) state[V2]! ^= 0xee;
    else state[V1]! ^= 0xdd;
    for (let round = 0; round < 4; round++) sipRound(state);
    for (let word = 0; word < 2; word++) {
      const folded = state[V0 + word]! ^ state[V1 + word]! ^ state[V2 + word]! ^ state[V3 + word]!;
      view.setUint32(8 * half + 4 * word, folded, true);
    }
  }
  return digest;
}

/**
 * The 16 bytes by which pages, manifests and overlays name the epoch key that made them.
 * Throws RangeError if the key is not 16 bytes long.
 */
export async function epochKeyId(key: Uint8Array): Promise<Uint8Array> {
  if (key.length !== KEY_BYTES) throw new RangeError('an epoch key has 16 bytes');
  const input = new Uint8Array(ID_LABEL.length + KEY_BYTES);
  input.set(new TextEncoder().encode(ID_LABEL));
  input.set(key, ID_LABEL.length);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', input)).slice(0, ID_BYTES);
}

function readWord(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! |
    (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)
  );
}

function absorb(state: Uint32Array, low: number, high: number): void {
  state[V3]! ^= low;
  state[V3 + 1]! ^= high;
  sipRound(state);
  sipRound(state);
  state[V0]! ^= low;
  state[V0 + 1]! ^= high;
}

function sipRound(state: Uint32Array): void {
  add(state, V0, V1);
  rotateAndXor(state, V1, 13, V0);
  swapWords(state, V0);
  add(state, V2, V3);
  rotateAndXor(state, V3, 16, V2);
  add(state, V0, V3);
  rotateAndXor(state, V3, 21, V0);
  add(state, V2, V1);
  rotateAndXor(state, V1, 17, V2);
  swapWords(state, V2);
}

/** 64-bit sum into `a`; the words wrap as the array stores them. */
function add(state: Uint32Array, a: number, b: number): void {
  const low = state[a]! + state[b]!;
  state[a] = low;
  state[a + 1]! += state[b + 1]! + (low > 0xffffffff ? 1 : 0);
}

/** `a` turned left by 1 to 31 bits, then xor `b`. */
function rotateAndXor(state: Uint32Array, a: number, bits: number, b: number): void {
  const low = state[a]!;
  const high = state[a + 1]!;
  state[a] = ((low << bits) | (high >>> (32 - bits))) ^ state[b]!;
  state[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ state[b + 1]!;
}

/** Turned left by 32 bits. */
function swapWords(state: Uint32Array, a: number): void {
  const low = state[a]!;
  state[a] = state[a + 1]!;
  state[a + 1] = low;
}
