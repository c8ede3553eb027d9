/** The settings of an edge that goes by the keys of a test; without a place of editions or central. */

import { toHex } from '../../src/format/names.ts';
import type { TestKeys } from './edition.ts';

/** By the names of docs/api.md. */
export function edgeSettings({ jwk, epochKey }: TestKeys): Record<string, string> {
  return {
    EPOCH_KEYS: toHex(epochKey),
    EDITION_KEYS: jwk.edition.x!,
    OVERLAY_KEYS: jwk.overlay.x!,
    HEAD_KEYS: jwk.head.x!,
    CENTRAL_KEYS: jwk.central.x!,
    TOKEN_KEYS: jwk.token.x!,
    EDGE_SIGNING_KEY: JSON.stringify(jwk.edge),
    SEAL_KEY: 'c2VhbCBzZWFsIHNlYWwgc2VhbCBzZWFsIHNlYWwgc2U',
    TAG_KEY: '2020-01:dGFnIHRhZyB0YWcgdGFnIHRhZyB0YWcgdGFnIHRhZyA',
    FILTER_ARENA_BYTES: String(1024 * 1024),
    MATCH_ARENA_BYTES: String(1024 * 1024),
  };
}
