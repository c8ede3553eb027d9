/**
 * Fields that several structures share: how each is checked when read and when written.
 *
 * docs/format.md sections 1 and 5 to 11. A reader here either returns a value that the document
 * allows or throws a format error; details name the structure, never its content.
 */

import type { StateCode } from '../document/issuing-state.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import { COLLECTION } from './collection.ts';
import {
  COLLECTION_BYTES,
  FORMAT_VERSION,
  PAGE_LENGTH,
  PAGE_MAGIC,
  PAGE_RESERVED_A,
  PAGE_VERSION,
} from './layout.ts';

type FormatCode = Extract<ErrorCode, `format-${string}`>;

const FILLER = 0x3c; // '<'
const MAGIC_BYTES = 8;
const ENVELOPE_BYTES = 16;
const STATE = /^[A-Z]{1,3}$/;

/** Throws a format error. */
export function refuse(code: FormatCode, detail: string): never {
  throw new SltdError(code, { detail });
}

/** A view over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The magic of the bytes, or undefined if they are too short to have one. */
export function readMagic(bytes: Uint8Array): string | undefined {
  if (bytes.length < ENVELOPE_BYTES) return undefined;
  return String.fromCharCode(...bytes.subarray(PAGE_MAGIC, PAGE_MAGIC + MAGIC_BYTES));
}

/**
 * Checks the 16 bytes with which every object begins, and that its length is all there is.
 *
 * struct {
 *    0  u8[8]  magic
 *    8  u16    version     // 2
 *   10  u16    reserved
 *   12  u32    length      // of the whole object
 * }
 */
export function openEnvelope(
  bytes: Uint8Array,
  expected: { magic: string; lengthMin: number },
): DataView {
  const { magic, lengthMin } = expected;
  const found = readMagic(bytes);
  if (found === undefined) refuse('format-length', magic);
  if (found !== magic) refuse('format-magic', magic);
  const view = viewOf(bytes);
  if (view.getUint16(PAGE_VERSION, true) !== FORMAT_VERSION) refuse('format-version', magic);
  if (view.getUint16(PAGE_RESERVED_A, true) !== 0) refuse('format-reserved', magic);
  if (view.getUint32(PAGE_LENGTH, true) !== bytes.length) refuse('format-length', magic);
  if (bytes.length < lengthMin) refuse('format-length', magic);
  return view;
}

/** Writes the 16 bytes that openEnvelope checks. */
export function writeEnvelope(
  bytes: Uint8Array,
  header: { magic: string; length: number },
): DataView {
  const view = viewOf(bytes);
  for (let i = 0; i < MAGIC_BYTES; i++) bytes[PAGE_MAGIC + i] = header.magic.charCodeAt(i);
  view.setUint16(PAGE_VERSION, FORMAT_VERSION, true);
  view.setUint16(PAGE_RESERVED_A, 0, true);
  view.setUint32(PAGE_LENGTH, checkU32(header.length, header.magic), true);
  return view;
}

/** A u64 below 2^53: a time in milliseconds, a sequence or a count. */
export function readU53(view: DataView, offset: number, detail: string): number {
  const high = view.getUint32(offset + 4, true);
  if (high >= 2 ** 21) refuse('format-value', detail);
  return high * 2 ** 32 + view.getUint32(offset, true);
}

/** Writes what readU53 reads; format-value if it is no whole number of 0 to 2^53 - 1. */
export function writeU53(view: DataView, offset: number, value: number, detail: string): void {
  if (!Number.isSafeInteger(value) || value < 0) refuse('format-value', detail);
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** The value, if a u32 can hold it. */
export function checkU32(value: number, detail: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) refuse('format-value', detail);
  return value;
}

/** A state field: 1 to 3 letters, padded with `<` to three, then a zero byte. */
export function readState(bytes: Uint8Array, offset: number, detail: string): StateCode {
  let length = 0;
  for (; length < 3; length++) {
    const byte = bytes[offset + length]!;
    if (byte < 0x41 || byte > 0x5a) break;
  }
  if (length === 0 || bytes[offset + 3] !== 0) refuse('format-value', detail);
  for (let i = length; i < 3; i++) {
    if (bytes[offset + i] !== FILLER) refuse('format-value', detail);
  }
  return String.fromCharCode(...bytes.subarray(offset, offset + length)) as StateCode;
}

/** Writes what readState reads; format-value if it is no state code. */
export function writeState(bytes: Uint8Array, offset: number, state: string, detail: string): void {
  if (!STATE.test(state)) refuse('format-value', detail);
  for (let i = 0; i < 3; i++) bytes[offset + i] = i < state.length ? state.charCodeAt(i) : FILLER;
  bytes[offset + 3] = 0;
}

/** A collection field: 1 to 24 characters, padded with zero bytes. */
export function readCollection(bytes: Uint8Array, offset: number, detail: string): string {
  const field = bytes.subarray(offset, offset + COLLECTION_BYTES);
  const end = field.indexOf(0);
  const length = end < 0 ? COLLECTION_BYTES : end;
  checkZero(field, length, COLLECTION_BYTES, detail);
  const collection = String.fromCharCode(...field.subarray(0, length));
  if (!COLLECTION.test(collection)) refuse('format-value', detail);
  return collection;
}

/** Writes what readCollection reads; format-value if it is no collection name. */
export function writeCollection(
  bytes: Uint8Array,
  offset: number,
  collection: string,
  detail: string,
): void {
  if (!COLLECTION.test(collection)) refuse('format-value', detail);
  bytes.fill(0, offset, offset + COLLECTION_BYTES);
  for (let i = 0; i < collection.length; i++) bytes[offset + i] = collection.charCodeAt(i);
}

/** Refuses reserved or padding bytes of `start` to before `end` that are not zero. */
export function checkZero(bytes: Uint8Array, start: number, end: number, detail: string): void {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0) refuse('format-reserved', detail);
  }
}

/** Writes a field of fixed width; format-value if the source has another. */
export function writeBytes(
  bytes: Uint8Array,
  offset: number,
  source: Uint8Array,
  expected: { byteCount: number; detail: string },
): void {
  if (source.length !== expected.byteCount) refuse('format-value', expected.detail);
  bytes.set(source, offset);
}
