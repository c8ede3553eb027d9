/**
 * Media types that a case takes, known by their first bytes: what a file says of itself is not
 * enough, since the other side is going to open it.
 */

const TYPES: readonly { mediaType: string; suffix: string; magic: readonly number[] }[] = [
  { mediaType: 'image/jpeg', suffix: 'jpg', magic: [0xff, 0xd8, 0xff] },
  {
    mediaType: 'image/png',
    suffix: 'png',
    magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  },
  // "%PDF-"
  { mediaType: 'application/pdf', suffix: 'pdf', magic: [0x25, 0x50, 0x44, 0x46, 0x2d] },
];

/** True if the bytes begin as the declared type does, and the type is one that is taken. */
export function isMediaType(bytes: Uint8Array, declared: string): boolean {
  const type = TYPES.find(({ mediaType }) => mediaType === declared);
  return type?.magic.every((byte, index) => bytes[index] === byte) === true;
}

/** Suffix for a file of a type that was taken. */
export const suffixOf = (mediaType: string): string =>
  TYPES.find((type) => type.mediaType === mediaType)?.suffix ?? 'bin';
