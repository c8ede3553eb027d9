/** The tag of a document as central makes it: the same as the edge's (src/format/tag-key.ts). */

import { sipHash128 } from '../../src/document/digest.ts';

const encoder = new TextEncoder();

/** First eight bytes of SipHash of the name under the key of a day, as a signed integer. */
export function tagOfName(name: string, dayKey: Uint8Array): bigint {
  const digest = sipHash128(dayKey, encoder.encode(name));
  return new DataView(digest.buffer, digest.byteOffset).getBigInt64(0, true);
}
