/**
 * The head: the last object written, and the only one that changes.
 *
 * Its sequence goes up with every edition and overlay and never down: a reader that has seen a higher
 * one refuses a lower. A heartbeat signs the same sequence again with a new time, so that silence is
 * visible. Every change is a compare-and-swap against the head that it was made from, so writers that
 * meet come one after the other, each on top of what the one before put there. A head whose edition is
 * replaced stays in `history`: rollback and garbage collection know from there what was in force.
 *
 * Which edition it names, a permit by the edition key says; overlay and heartbeat copy it as it is.
 */

import { setTimeout } from 'node:timers/promises';
import { assert, SltdError } from '../src/errors.ts';
import {
  decodeHead,
  encodeHead,
  FUTURE_TOLERANCE_MS,
  type Head,
  type HeadContent,
  sequenceMax,
} from '../src/format/head.ts';
import { HEAD_BYTES } from '../src/format/layout.ts';
import { type Manifest, openManifest } from '../src/format/manifest.ts';
import { equalBytes, HEAD_NAME } from '../src/format/names.ts';
import { type OverlayFacts, openOverlay } from '../src/format/overlay.ts';
import { decodePermit } from '../src/format/permit.ts';
import { completeUntil } from '../src/format/reports.ts';
import {
  type SigningKey,
  signObject,
  type VerifyKey,
  verifyObject,
} from '../src/format/signature.ts';
import type { ObjectStore } from './object-store.ts';
import type { Permitting } from './permit.ts';
import { type ReadableStore, readObject } from './read-object.ts';

/** A head is not answered from after a day: by then somebody has to have noticed. */
const LIFE_MS = 24 * 60 * 60 * 1000;
/** So long a writer tries again when others are quicker; a heartbeat and an overlay take one try. */
const CONTEND_MS = 30_000;
const CONTEND_PAUSE_MS = 50;

/** States that an error names. */
const STATES_MAX = 20;

/** Signs heads, and knows the old one. */
export interface HeadSigner {
  key: SigningKey;
  trusted: readonly VerifyKey[];
}

/** An edition whose manifest and pages are all in the store. */
export interface EditionReference
  extends Pick<Head, 'collection' | 'manifestSha256' | 'manifestLength'> {
  manifest: Pick<Manifest, 'asOf' | 'epochKeyId' | 'states'>;
  /** Its permit as the edition key signed it, or, who has that key, what makes one. */
  permit: Uint8Array | Permitting;
}

/** An overlay that is in the store; `asOf` is up to when it holds every report. */
type OverlayReference = Required<Pick<Head, 'overlaySha256' | 'overlayLength' | 'asOf'>>;

export interface PublishOptions {
  /** The head when the work on this edition began, undefined if there was none; now if not told. */
  since?: Head | undefined;
  /**
   * Puts the edition in force even if the overlay in force holds newer reports and cannot stay, because
   * it does not fit or cannot be read. No reader answers from it until an overlay or an edition has them again: those that run keep the
   * edition that they have, and those that start have none.
   */
  dropsOverlay?: boolean | undefined;
}

/** The head in force, its signature checked; undefined if there is none yet. */
export async function readHead(
  store: ReadableStore,
  trusted: readonly VerifyKey[],
): Promise<Head | undefined> {
  return (await readSignedHead(store, trusted))?.head;
}

/**
 * Puts an edition in force, with a sequence one above the old head's.
 *
 * The overlay in force stays if it is of the same epoch key and begins before the edition ends: no
 * report is unknown for a moment (docs/format.md section 10).
 *
 * Throws 'head-moved' if another edition came in force since the work began and is not older than this
 * one, or if one is in force that was permitted later; 'overlay-dropped' if newer reports would no
 * longer be answered (see PublishOptions); 'config-invalid' if the store holds another collection.
 */
export function publishEdition(
  store: ObjectStore,
  signer: HeadSigner,
  edition: EditionReference,
  options: PublishOptions = {},
): Promise<Head> {
  let turn = 'since' in options ? { since: options.since } : undefined;
  return moveHead(store, signer, async (before) => {
    turn ??= { since: before };
    if (before) checkTurn(before, edition, turn.since);
    const { overlay, reportedUntil } = before
      ? await reportsAfter(store, before, edition, options)
      : NO_REPORTS;
    return {
      permit: await permitOf(edition, before),
      sequence: (before?.sequence ?? 0) + 1,
      overlaySha256: overlay?.overlaySha256,
      overlayLength: overlay?.overlayLength ?? 0,
      asOf: Math.max(edition.manifest.asOf, overlay?.asOf ?? 0),
      reportedUntil,
    };
  });
}

/**
 * Puts a signed overlay in force with the edition for which it was made; the same one again is a
 * heartbeat. If it is a segment, its base has to be in the store.
 *
 * Throws 'head-moved' if another edition, or an overlay of later data, is in force by now: make it
 * anew. 'edition-missing' without a head.
 */
export async function publishOverlay(
  store: ObjectStore,
  signer: HeadSigner,
  { overlay, edition }: { overlay: Uint8Array; edition: OverlayEdition },
): Promise<Head> {
  const { asOf, lastOperation } = openOverlay(overlay);
  const overlaySha256 = await putProved(store, overlay);
  return moveHead(store, signer, async (before) => {
    if (!before) throw new SltdError('edition-missing');
    if (!equalBytes(before.manifestSha256, edition.manifestSha256)) {
      throw new SltdError('head-moved', { detail: 'the overlay was made for another edition' });
    }
    if (before.overlaySha256 && equalBytes(before.overlaySha256, overlaySha256)) return before;
    const inForce = await overlayInForce(store, before);
    if (inForce && (inForce.lastOperation > lastOperation || inForce.asOf > asOf)) {
      throw new SltdError('head-moved', { detail: 'an overlay of later data is in force' });
    }
    const sequence = before.sequence + 1;
    return {
      ...{ ...before, sequence, overlaySha256, overlayLength: overlay.length },
      asOf: Math.max(edition.manifest.asOf, asOf),
      reportedUntil: Math.max(before.reportedUntil, asOf),
    };
  });
}

/** The edition in force for which an overlay was made. */
type OverlayEdition = Pick<EditionReference, 'manifestSha256'> & {
  manifest: Pick<Manifest, 'asOf'>;
};

/**
 * Signs the head in force again, with the present as its time. Throws 'edition-missing' without one,
 * 'edition-expired' once its permit has ended: then only the edition key can go on; 'edition-jump' if
 * no reader would take a sequence above `above`.
 */
export function heartbeat(
  store: ObjectStore,
  signer: HeadSigner,
  { above }: HeartbeatOptions = {},
): Promise<Head> {
  return moveHead(store, signer, async (before) => {
    if (!before) throw new SltdError('edition-missing');
    if (above === undefined) return before;
    if (above >= sequenceMax(Date.now())) {
      throw new SltdError('edition-jump', { detail: 'no reader has seen such a sequence' });
    }
    const sequence = Math.max(before.sequence, above + 1);
    const { asOf } = await manifestInForce(store, before);
    const overlay = await overlayInForce(store, before);
    const reportedUntil = overlay?.asOf ?? 0;
    return { ...before, sequence, asOf: Math.max(asOf, reportedUntil), reportedUntil };
  });
}

interface HeartbeatOptions {
  /**
   * Lifts the sequence above this one, which a thief of a head key has made readers see, and takes the
   * times of the data from edition and overlay and not from the head before.
   */
  above?: number | undefined;
}

type UntimedHead = Omit<HeadContent, 'issuedAt' | 'notAfter'>;

/** Makes the next head of the one in force until no other writer comes between. */
async function moveHead(
  store: ObjectStore,
  signer: HeadSigner,
  next: (before: Head | undefined) => UntimedHead | Promise<UntimedHead>,
): Promise<Head> {
  const deadline = Date.now() + CONTEND_MS;
  for (;;) {
    const before = await readSignedHead(store, signer.trusted);
    const nowMs = Date.now();
    const head = before && believable(before.head, nowMs);
    const untimed = await next(head);
    // Never before the old head: a clock set back must not make it look older.
    const issuedAt = Math.max(nowMs, head?.issuedAt ?? 0);
    const permitEnd = decodePermit(untimed.permit).notAfter;
    if (issuedAt >= permitEnd) {
      throw new SltdError('edition-expired', { detail: 'its permit has ended' });
    }
    const timed = {
      ...{ ...untimed, issuedAt, notAfter: Math.min(issuedAt + LIFE_MS, permitEnd) },
      reportedUntil: Math.min(untimed.reportedUntil, issuedAt),
    };
    const bytes = await signObject(encodeHead(timed), signer.key);
    const moved = decodeHead(bytes);
    if (before && !equalBytes(before.head.manifestSha256, moved.manifestSha256)) {
      await store.put('history', before.bytes);
      await store.flush();
    }
    try {
      await store.replaceHead(bytes, before?.version);
      return moved;
    } catch (error) {
      const isMoved = error instanceof SltdError && error.code === 'head-moved';
      if (!isMoved || Date.now() > deadline) throw error;
    }
    await setTimeout(CONTEND_PAUSE_MS * Math.random());
  }
}

/**
 * The head without what no reader can have taken, such as a stolen key may have signed: whoever goes
 * on from a time or sequence of the future would sign what readers refuse until then.
 */
function believable(head: Head, nowMs: number): Head {
  const latest = nowMs + FUTURE_TOLERANCE_MS;
  return {
    ...head,
    sequence: Math.min(head.sequence, sequenceMax(latest)),
    issuedAt: head.issuedAt > latest ? 0 : head.issuedAt,
  };
}

async function readSignedHead(
  store: ReadableStore,
  trusted: readonly VerifyKey[],
): Promise<{ head: Head; bytes: Uint8Array; version: string } | undefined> {
  const object = await store.get(HEAD_NAME, HEAD_BYTES);
  if (!object) return undefined;
  await verifyObject(object.bytes, trusted);
  return { head: decodeHead(object.bytes), ...object };
}

/** Of two editions made at the same time the newer data stays, and else the first. */
function checkTurn(before: Head, edition: EditionReference, since: Head | undefined): void {
  if (before.collection !== edition.collection) {
    throw new SltdError('config-invalid', { detail: 'the store holds another collection' });
  }
  const known = [edition.manifestSha256, since?.manifestSha256];
  const isKnown = known.some((sha256) => sha256 && equalBytes(before.manifestSha256, sha256));
  if (!isKnown && edition.manifest.asOf <= before.asOf) {
    throw new SltdError('head-moved', { detail: 'another edition came in force meanwhile' });
  }
}

/** The signed permit of the edition, not older than the one in force. */
async function permitOf(
  { permit, manifestSha256 }: EditionReference,
  before: Head | undefined,
): Promise<Uint8Array> {
  const bytes = typeof permit === 'function' ? await permit(before?.permittedAt ?? 0) : permit;
  const permitted = decodePermit(bytes);
  assert(equalBytes(permitted.manifestSha256, manifestSha256), 'the permit of this edition');
  if (before && before.permittedAt > permitted.issuedAt) {
    throw new SltdError('head-moved', { detail: 'an edition permitted later is in force' });
  }
  return bytes;
}

interface ReportsInForce {
  /** The overlay that stays. */
  overlay?: OverlayReference | undefined;
  /** As in the head. */
  reportedUntil: number;
}

const NO_REPORTS: ReportsInForce = { reportedUntil: 0 };

/** What the new head says of reports. 'overlay-dropped' if some would be in neither overlay nor edition. */
async function reportsAfter(
  store: ReadableStore,
  before: Head,
  edition: EditionReference,
  { dropsOverlay }: PublishOptions,
): Promise<ReportsInForce> {
  const { overlaySha256, overlayLength, reportedUntil } = before;
  const inForce = await overlayInForce(store, before).catch((error: unknown) => {
    if (dropsOverlay && error instanceof SltdError) return undefined;
    throw error;
  });
  // Of an overlay that cannot be read its head tells: it goes at least as far.
  const until = overlaySha256
    ? Math.max(reportedUntil, inForce?.asOf ?? before.asOf)
    : reportedUntil;
  const unfit = inForce && (await whyUnfit(inForce, edition, () => manifestInForce(store, before)));
  if (overlaySha256 && inForce && unfit === undefined) {
    return {
      overlay: { overlaySha256, overlayLength, asOf: inForce.asOf },
      reportedUntil: until,
    };
  }
  if (!dropsOverlay && completeUntil(edition.manifest) < until) {
    const detail = unfit ?? `there were reports up to ${new Date(until).toISOString()}`;
    throw new SltdError('overlay-dropped', { detail });
  }
  return { reportedUntil: until };
}

/**
 * Which operations the overlay lacks that the edition has not; undefined if none. Since its beginning it has
 * those of all states; of a state whose list is older, those since that state's list in the edition in
 * force. Of one that did not report there nobody loses any: what is in no list at all stays in the overlay.
 */
async function whyUnfit(
  { epochKeyId, from }: OverlayFacts,
  { manifest }: EditionReference,
  readInForce: () => Promise<Manifest>,
): Promise<string | undefined> {
  if (!equalBytes(epochKeyId, manifest.epochKeyId)) return 'the overlay is of another epoch key';
  if (from > manifest.asOf) return 'the edition ends before the overlay begins';
  const older = [...manifest.states()].filter(({ asOf }) => asOf < from);
  if (older.length === 0) return undefined;
  const inForce = await readInForce();
  const lacking = older.filter(({ state, asOf }) => {
    const before = inForce.state(state);
    return !before || (asOf < before.asOf && before.coverage !== 'does-not-report');
  });
  if (lacking.length === 0) return undefined;
  const names = lacking.map(({ state }) => state).slice(0, STATES_MAX);
  const more = lacking.length > STATES_MAX ? ` and ${lacking.length - STATES_MAX} more` : '';
  return `lists that end before the overlay begins and before those in force: ${names.join(', ')}${more}`;
}

/** The manifest of the head; its permit vouches for it. */
async function manifestInForce(
  store: ReadableStore,
  { manifestSha256: sha256, manifestLength: length }: Head,
): Promise<Manifest> {
  return openManifest(await readObject(store, 'manifests', { sha256, length }));
}

/** What the overlay of the head says of itself; the head's signature vouches for it. */
async function overlayInForce(
  store: ReadableStore,
  { overlaySha256: sha256, overlayLength: length }: Head,
): Promise<OverlayFacts | undefined> {
  return sha256 && openOverlay(await readObject(store, 'overlays', { sha256, length }));
}

/** Puts the overlay and reads it back: what a head names must be there, and be right. */
async function putProved(store: ObjectStore, overlay: Uint8Array): Promise<Uint8Array> {
  const { sha256, wasThere } = await store.put('overlays', overlay);
  const reference = { sha256, length: overlay.length };
  try {
    await readObject(store, 'overlays', reference);
  } catch (error) {
    if (!wasThere) throw error;
    // A damaged one was there: the right bytes take its place.
    await store.put('overlays', overlay, { overwrite: true });
    await readObject(store, 'overlays', reference);
  }
  await store.flush();
  return sha256;
}
