/**
 * The overlay of a head, with the overlay that it stands on: read, proved, and fitted together.
 *
 * docs/format.md sections 10 and 12. Where the bytes come from and who may sign them is the
 * caller's; that the parts belong together is held here, for every reader alike.
 */

import { refuse } from './fields.ts';
import type { Manifest } from './manifest.ts';
import { equalBytes } from './names.ts';
import { type Overlay, type OverlayName, openOverlay } from './overlay.ts';

/** The object of this name: its length, hash and signature have been checked. */
export type ReadOverlay = (name: OverlayName) => Promise<Uint8Array>;

/**
 * Opens the overlay and its base; a base that `known` has already is not read again.
 *
 * Throws what `read` throws, and format-value if a part belongs to another collection or epoch, or
 * begins after the edition ends.
 */
export async function loadOverlay(
  name: OverlayName,
  manifest: Pick<Manifest, 'collection' | 'epochKeyId' | 'asOf'>,
  read: ReadOverlay,
  known?: KnownOverlay,
): Promise<KnownOverlay> {
  const bytes = await read(name);
  const alone = openOverlay(bytes);
  if (alone.collection !== manifest.collection) refuse('format-value', 'overlay collection');
  if (!equalBytes(alone.epochKeyId, manifest.epochKeyId)) refuse('format-value', 'overlay epoch');
  // Else an operation between the two would be in neither.
  if (alone.from > manifest.asOf) refuse('format-value', 'overlay begins after the edition');
  if (!alone.base) return { overlay: alone, bottom: { name, overlay: alone } };
  const bottom =
    known && isSame(known.bottom.name, alone.base)
      ? known.bottom
      : { name: alone.base, overlay: openOverlay(await read(alone.base)) };
  return { overlay: openOverlay(bytes, bottom.overlay), bottom };
}

/** An overlay in use, and the one at the bottom of it: itself where it stands alone. */
export interface KnownOverlay {
  overlay: Overlay;
  bottom: { name: OverlayName; overlay: Overlay };
}

const isSame = (a: OverlayName, b: OverlayName) =>
  a.length === b.length && equalBytes(a.sha256, b.sha256);
