/**
 * Offsets and sizes of every byte structure, as docs/format.md draws them.
 *
 * Plain number literals and sums of them, so that tsc and asc compile this same file: there is no
 * second table to keep in step. Offsets count bytes from the start of the structure; `Row` offsets
 * from the start of the row. Integers are unsigned and little-endian.
 */

export const FORMAT_VERSION = 2;

// Digest: 16 bytes, read as the words d0 d1 d2 d3.
export const DIGEST_BYTES = 16;
export const EPOCH_KEY_BYTES = 16;
export const KEY_ID_BYTES = 16;
export const SHA256_BYTES = 32;

// Multipliers. 0x9E3779B1 is the prime next to 2^32 divided by the golden ratio.
export const GOLDEN = 0x9e3779b1;
/** Even, so that GOLDEN + variant * VARIANT_STEP stays odd for every variant. */
export const VARIANT_STEP = 0x7f4a7c16;

// Page header, shared by filter and match pages.
export const PAGE_HEADER_BYTES = 64;
export const PAGE_MAGIC = 0;
export const PAGE_VERSION = 8;
export const PAGE_RESERVED_A = 10;
export const PAGE_LENGTH = 12;
export const PAGE_STATE = 16;
export const PAGE_SHARD_INDEX = 20;
export const PAGE_SHARD_COUNT = 24;
export const PAGE_KEY_COUNT = 28;
/** Filter page: blocks. Match page: buckets. */
export const PAGE_TABLE_COUNT = 32;
/** Filter page: probes a key. Match page: seed. */
export const PAGE_PARAMETER = 36;
export const PAGE_EPOCH_KEY_ID = 40;
export const PAGE_RESERVED_B = 56;

// Filter page.
export const FILTER_BLOCK_BYTES = 64;
export const FILTER_BLOCK_BITS = 512;
/** Top bits of a word that choose one of 512 bits: 32 - 9. */
export const FILTER_BIT_SHIFT = 23;
export const FILTER_PROBES_MAX = 16;

// Match page.
/** 0.6 * 2^32: keys below it share the first 3 buckets of 10 (PTHash's skew). */
export const DENSE_LIMIT = 0x99999999;
export const PILOT_VARIANT_SHIFT = 4;
export const PILOT_OFFSET_MASK = 15;
/** A slot is 32 bits of fingerprint and 4 of category: 9 half-bytes. */
export const SLOT_HALF_BYTES = 9;
export const CATEGORY_MASK = 15;
/** Zero bytes behind the last slot at least, so that 8 bytes can be read at any slot. */
export const SLOT_TAIL_BYTES = 4;
export const SECTION_ALIGN_BYTES = 8;
export const PAGE_KEYS_MAX = 65536;

// Signature trailer of manifest, overlay and head.
export const TRAILER_BYTES = 80;
export const TRAILER_KEY_ID = 0;
export const TRAILER_SIGNATURE = 16;

// Manifest.
/** Of the whole object: some 349,000 shards. An isolate holds it, and a list of 150 M rows takes 2.2 MB. */
export const MANIFEST_BYTES_MAX = 32 * 1024 * 1024;
export const MANIFEST_HEADER_BYTES = 128;
export const MANIFEST_VERSION = 8;
export const MANIFEST_RESERVED_A = 10;
export const MANIFEST_LENGTH = 12;
export const MANIFEST_EPOCH_KEY_ID = 16;
export const MANIFEST_AS_OF = 32;
export const MANIFEST_STATE_COUNT = 40;
export const MANIFEST_SHARD_COUNT = 44;
export const MANIFEST_RECORD_COUNT = 48;
export const MANIFEST_COLLECTION = 56;
export const MANIFEST_INPUTS_SHA256 = 80;
export const MANIFEST_RESTRICTION_COUNT = 112;
export const MANIFEST_RESERVED_B = 116;
export const COLLECTION_BYTES = 24;

export const STATE_ROW_BYTES = 32;
export const STATE_ROW_CODE = 0;
export const STATE_ROW_COVERAGE = 4;
export const STATE_ROW_RESERVED_A = 5;
export const STATE_ROW_FIRST_SHARD = 8;
export const STATE_ROW_SHARD_COUNT = 12;
export const STATE_ROW_AS_OF = 16;
export const STATE_ROW_RECORD_COUNT = 24;
export const STATE_ROW_RESERVED_B = 28;

/** A shard row is two page references, filter page first. */
export const SHARD_ROW_BYTES = 96;
export const PAGE_REFERENCE_BYTES = 48;
export const PAGE_REFERENCE_SHA256 = 0;
export const PAGE_REFERENCE_XXH64 = 32;
export const PAGE_REFERENCE_LENGTH = 40;
export const PAGE_REFERENCE_RESERVED = 44;

/** A restriction row is two states: whose records, and who does not see them. */
export const RESTRICTION_ROW_BYTES = 8;
export const RESTRICTION_ROW_SOURCE = 0;
export const RESTRICTION_ROW_EXCLUDED = 4;
/** More than all pairs of the 250 or so codes there are. */
export const RESTRICTIONS_MAX = 65536;

// Overlay.
export const OVERLAY_HEADER_BYTES = 128;
export const OVERLAY_VERSION = 8;
export const OVERLAY_RESERVED_A = 10;
export const OVERLAY_LENGTH = 12;
export const OVERLAY_EPOCH_KEY_ID = 16;
export const OVERLAY_COLLECTION = 32;
export const OVERLAY_OPERATION_COUNT = 56;
export const OVERLAY_BASE_LENGTH = 60;
export const OVERLAY_BASE_SHA256 = 64;
export const OVERLAY_FROM = 96;
export const OVERLAY_AS_OF = 104;
export const OVERLAY_LAST_OPERATION = 112;
export const OVERLAY_RESERVED_B = 120;
export const OPERATION_ROW_BYTES = 20;
export const OPERATION_ROW_DIGEST = 0;
export const OPERATION_ROW_KIND = 16;
export const OPERATION_ROW_CATEGORY = 17;
export const OPERATION_ROW_RESERVED = 18;

// Permit: part of the head, signed by itself.
export const PERMIT_BYTES = 176;
export const PERMIT_VERSION = 8;
export const PERMIT_RESERVED_A = 10;
export const PERMIT_LENGTH = 12;
export const PERMIT_ISSUED_AT = 16;
export const PERMIT_NOT_AFTER = 24;
export const PERMIT_COLLECTION = 32;
export const PERMIT_MANIFEST_SHA256 = 56;
export const PERMIT_MANIFEST_LENGTH = 88;
export const PERMIT_RESERVED_B = 92;
export const PERMIT_TRAILER = 96;

// Head.
export const HEAD_BYTES = 384;
export const HEAD_VERSION = 8;
export const HEAD_RESERVED_A = 10;
export const HEAD_LENGTH = 12;
export const HEAD_SEQUENCE = 16;
export const HEAD_ISSUED_AT = 24;
export const HEAD_NOT_AFTER = 32;
export const HEAD_AS_OF = 40;
export const HEAD_OVERLAY_LENGTH = 48;
export const HEAD_RESERVED_B = 52;
export const HEAD_OVERLAY_SHA256 = 56;
export const HEAD_REPORTED_UNTIL = 88;
export const HEAD_RESERVED_C = 96;
export const HEAD_PERMIT = 128;
export const HEAD_TRAILER = 304;
