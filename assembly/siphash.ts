/**
 * SipHash-2-4 with 128-bit output: canonical keys to digests (docs/format.md section 3). The last word
 * is that of the look-alike group, so that all spellings of a number lie in one shard.
 *
 * J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", Indocrypt 2012,
 * https://cr.yp.to/siphash/siphash-20120918.pdf; the 128-bit output (0xee, 0xdd) is that of the
 * authors' reference code. 64-bit words, little-endian; additions wrap modulo 2^64.
 */

import { DIGEST_BYTES } from '../src/format/layout';
import {
  DIGESTS,
  EPOCH_KEY,
  GROUP_NAME,
  KEYS,
  KEY_IS_CHANGE,
  KEY_LENGTH,
  KEY_SHARD_COUNT,
  KEY_STRIDE,
} from './areas';

/** Class letter and issuing state stand before the number. */
const KEY_PREFIX_BYTES: usize = 4;
/** The class letter, which is no part of a document's name. */
const CLASS_BYTES: u32 = 1;
/** Characters of a number: 32. */
const PLACE_MASK: u32 = 31;

// "somepseudorandomlygeneratedbytes", in two halves each: 64-bit literals are none in JavaScript.
const INITIAL_V0: u64 = ((<u64>0x736f6d65) << 32) | 0x70736575;
const INITIAL_V1: u64 = ((<u64>0x646f7261) << 32) | 0x6e646f6d;
const INITIAL_V2: u64 = ((<u64>0x6c796765) << 32) | 0x6e657261;
const INITIAL_V3: u64 = ((<u64>0x74656462) << 32) | 0x79746573;

/**
 * Reads u8[16] EPOCH_KEY and `count` keys of KEYS, writes u32[4 * count] DIGESTS.
 * The keys are wiped: no document number outlives the call.
 * Trusted: count <= CHUNK_KEYS, lengths <= KEY_LENGTH, the first is no change, changes stay in
 * the look-alike group. Bytes behind a key's end are ignored.
 */
export function digestKeys(count: u32): void {
  hashKeys(count);
  wipeKeys(count);
}

/** Wipes the first `count` keys: no document number outlives the call that it was written for. */
export function wipeKeys(count: u32): void {
  memory.fill(KEYS, 0, <usize>count * KEY_STRIDE);
  memory.fill(GROUP_NAME, 0, KEY_STRIDE);
}

/**
 * digestKeys(), but changes are written out and the keys stay, to be hashed with another epoch key or
 * looked up. A change is of the group of the key that it changes, so its last word is known.
 */
export function hashKeys(count: u32): void {
  let key = KEYS;
  let base = KEYS;
  let digest = DIGESTS;
  let group: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(key, KEY_LENGTH) === KEY_IS_CHANGE) {
      writeChanged(key, base);
    } else {
      base = key;
      writeGroupName(key + CLASS_BYTES);
      sipHash(GROUP_NAME, max<u32>(load<u32>(key, KEY_LENGTH), CLASS_BYTES) - CLASS_BYTES, digest);
      group = load<u32>(digest, 12);
    }
    sipHash(key, load<u32>(key, KEY_LENGTH), digest);
    store<u32>(digest, group, 12);
    key += KEY_STRIDE;
    digest += DIGEST_BYTES;
  }
}

/** The 16 bytes of the hash of `length` bytes; what lies behind them, up to 7 bytes, is ignored. */
function sipHash(text: usize, length: u32, digest: usize): void {
  const k0 = load<u64>(EPOCH_KEY);
  const k1 = load<u64>(EPOCH_KEY, 8);
  const lastWord = length >> 3;
  // The word with the tail: up to 7 bytes of the text, and the length on top.
  const tailMask = ((<u64>1) << ((length & 7) << 3)) - 1;
  const tail = (load<u64>(text + (lastWord << 3)) & tailMask) | ((<u64>length) << 56);

  let v0 = k0 ^ INITIAL_V0;
  let v1 = k1 ^ INITIAL_V1 ^ 0xee;
  let v2 = k0 ^ INITIAL_V2;
  let v3 = k1 ^ INITIAL_V3;
  // A step is two rounds: one step a word, then two steps for each half of the output.
  const steps = lastWord + 5;
  for (let step: u32 = 0; step < steps; step++) {
    let word: u64 = 0;
    if (step < lastWord) {
      word = load<u64>(text + (step << 3));
    } else if (step === lastWord) {
      word = tail;
    } else if (step === lastWord + 1) {
      v2 ^= 0xee;
    } else if (step === lastWord + 3) {
      store<u64>(digest, v0 ^ v1 ^ v2 ^ v3);
      v1 ^= 0xdd;
    }
    v3 ^= word;

    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);

    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);

    v0 ^= word;
  }
  store<u64>(digest, v0 ^ v1 ^ v2 ^ v3, 8);
}

/** Reads u8[48] at `name`, writes them to GROUP_NAME with the characters of docs/format.md section 3. */
function writeGroupName(name: usize): void {
  v128.store(GROUP_NAME, standingFor(v128.load(name)));
  v128.store(GROUP_NAME, standingFor(v128.load(name, 16)), 16);
  v128.store(GROUP_NAME, standingFor(v128.load(name, 32)), 32);
}

/**
 * What stands for each of 16 characters. A place beyond a table reads as zero, so of three tables one
 * answers: 0-9 to ?, A to P, Q to Z.
 */
function standingFor(text: v128): v128 {
  // 0 1 2 3 4 8 0 7 8 9 and the filler <
  const digits = i8x16(48, 49, 50, 51, 52, 56, 48, 55, 56, 57, 0, 0, 60, 0, 0, 0);
  // A 8 C 0 E F 0 H 1 J K 1 M N 0 F
  const upper = i8x16(65, 56, 67, 48, 69, 70, 48, 72, 49, 74, 75, 49, 77, 78, 48, 70);
  // 0 R 8 T 0 V W X Y 2
  const last = i8x16(48, 82, 56, 84, 48, 86, 87, 88, 89, 50, 0, 0, 0, 0, 0, 0);
  return v128.or(
    v128.swizzle(digits, i8x16.sub(text, i8x16.splat(0x30))),
    v128.or(
      v128.swizzle(upper, i8x16.sub(text, i8x16.splat(0x41))),
      v128.swizzle(last, i8x16.sub(text, i8x16.splat(0x51))),
    ),
  );
}

/** Puts in the place of a change the key that it makes of `base`; it lies in the same page. */
function writeChanged(key: usize, base: usize): void {
  let change = load<u32>(key);
  v128.store(key, v128.load(base));
  v128.store(key, v128.load(base, 16), 16);
  store<u64>(key, load<u64>(base, 32), 32);
  const number = key + KEY_PREFIX_BYTES;
  for (; change !== 0; change >>= 16) {
    store<u8>(number + (change & PLACE_MASK), change >> 8);
  }
  store<u32>(key, KEY_IS_CHANGE, KEY_SHARD_COUNT);
}
