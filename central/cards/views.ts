/**
 * Cards as they are answered. Which persons wrote and approved one is seen by their own bureau alone;
 * the others see that two did, and when.
 */

import { isoTime } from '../http/iso-time.ts';
import { BUNDLE_FORMAT, type CardInput } from './card-content.ts';
import { type CardRow, contentOf } from './find-cards.ts';
import type { CardVersionsTable } from './tables.ts';

/** A card in a list: to what it applies, and its title. */
export function cardSummary(row: CardRow) {
  const { issuingState, documentClass, series, issuedFrom, issuedTo, texts } = contentOf(row);
  const { en, fr, es, ar } = texts;
  return {
    ...{ id: row.id, version: row.version, status: statusOf(row, row.published_version) },
    ...{ issuingState, documentClass, series, issuedFrom, issuedTo },
    titles: { en: en.title, fr: fr.title, es: es.title, ar: ar.title },
  };
}

/** A card with all that it says. */
export function cardView(row: CardRow, { withNames }: { withNames: boolean }) {
  const { id, published_version } = row;
  return {
    id,
    ...versionView(row, { publishedVersion: published_version, withNames }),
    ...contentOf(row),
  };
}

/** A version of a card: its number, and what was decided about it. */
export function versionView(
  row: CardVersionsTable,
  { publishedVersion, withNames }: { publishedVersion: number | null; withNames: boolean },
) {
  return {
    version: row.version,
    status: statusOf(row, publishedVersion),
    proposedAt: isoTime(row.proposed_at),
    approvedAt: row.approved_at === null ? undefined : isoTime(row.approved_at),
    withdrawnAt: row.withdrawn_at === null ? undefined : isoTime(row.withdrawn_at),
    ...(withNames
      ? {
          author: row.author,
          approver: row.approver ?? undefined,
          withdrawnBy: row.withdrawn_by ?? undefined,
          withdrawalReason: row.withdrawal_reason ?? undefined,
        }
      : {}),
  };
}

function statusOf(
  { version, approved_at, withdrawn_at }: CardVersionsTable,
  published: number | null,
) {
  if (withdrawn_at !== null) return 'withdrawn';
  if (version === published) return 'published';
  return approved_at === null ? 'proposed' : 'replaced';
}

/** `cards.json` of a bundle with this one card. */
export function bundleCards(row: CardRow): object {
  const { images, ...content } = contentOf(row);
  const card: CardInput = {
    id: row.id,
    ...content,
    images: images.map(({ sha256, captions }) => ({ sha256, captions })),
  };
  return { ...BUNDLE_FORMAT, cards: [card] };
}
