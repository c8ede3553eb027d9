/**
 * What an input may ask of the machine, so that no file, hostile or broken, can exhaust it.
 */

/** Bytes a file may unpack to: 150 M records of 400 bytes are 60 GB. */
export const UNPACKED_BYTES_MAX = 256 * 1024 ** 3;
/** Up to here any ratio is fine. */
export const UNPACKED_FREE_BYTES = 64 * 1024 ** 2;
/** Packed lists of numbers shrink 5 to 30 times; a decompression bomb 1,000 times and more. */
export const UNPACKED_RATIO_MAX = 200;
/** A row of the widest export has some hundred bytes. */
export const ROW_BYTES_MAX = 1024 * 1024;
export const COLUMNS_MAX = 512;
/** Entries of a zip: a list, or a difference of two. */
export const ZIP_ENTRIES_MAX = 16;
/** Numbers that one row may stand for: the largest thefts of blanks were of some 10,000. */
export const RANGE_NUMBERS_MAX = 1_000_000;
