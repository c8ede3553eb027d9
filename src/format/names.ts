/**
 * Names of the objects of an edition: what they are called is what they contain.
 *
 * docs/format.md section 2: every object but the head is named by the SHA-256 of its bytes, so a
 * name can never be reused for other content.
 */

import { refuse } from './fields.ts';

/** The one object that changes. */
export const HEAD_NAME = 'head';

/**
 * Readers ask for the first three. In `history` the publisher keeps heads that were in force, `gc` holds
 * the marks of garbage collection at work. `images` is no part of an edition: central keeps the pictures
 * of its cards there, in a store of their own.
 */
export type ObjectFolder = 'pages' | 'manifests' | 'overlays' | 'history' | 'gc' | 'images';

/** Name of a content-addressed object, such as `pages/e3b0…`, from its SHA-256. */
export function objectName(folder: ObjectFolder, sha256: Uint8Array): string {
  return `${folder}/${toHex(sha256)}`;
}

/** SHA-256 of the bytes: 32 bytes. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const input = bytes as Uint8Array<ArrayBuffer>;
  return new Uint8Array(await crypto.subtle.digest('SHA-256', input));
}

/** Throws format-length or format-digest if the bytes are not those of this length and SHA-256. */
export async function checkContent(
  bytes: Uint8Array,
  expected: { sha256: Uint8Array; length: number },
): Promise<void> {
  if (bytes.length !== expected.length) refuse('format-length', 'content');
  if (!equalBytes(await sha256(bytes), expected.sha256)) refuse('format-digest', 'content');
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes of lower-case hexadecimal text; format-value if it is not that. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) refuse('format-value', 'hex');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

/** Whether both have the same bytes; not for secrets, the time tells where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
