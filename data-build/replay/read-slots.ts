/** The slots of a match page, one after the other: docs/format.md section 7. */

import { viewOf } from '../../src/format/fields.ts';
import { type PageHeader, slotsOffset } from '../../src/format/page.ts';

/** Tells fingerprint and category code of every slot of a page that decodePage() has checked. */
export function forEachSlot(
  page: Uint8Array,
  { keyCount, tableCount }: Pick<PageHeader, 'keyCount' | 'tableCount'>,
  tell: (fingerprint: number, category: number) => void,
): void {
  if (keyCount === 0) return;
  const view = viewOf(page);
  const start = slotsOffset(tableCount);
  for (let slot = 0; slot < keyCount; slot++) {
    const at = start + Math.floor((9 * slot) / 2);
    const low = view.getUint32(at, true);
    const high = page[at + 4]!;
    // 36 bits: from the first half-byte in even slots, from the second in odd ones.
    if (slot % 2 === 0) tell(low, high & 15);
    else tell(((low >>> 4) | (high << 28)) >>> 0, high >>> 4);
  }
}
