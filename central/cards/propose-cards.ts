/**
 * A bundle becomes proposed versions: all of its cards, or none.
 *
 * A version is added and never changed. A bundle that is sent again adds nothing: a card whose newest
 * version says the same stays as it is. What an importing bureau brings from elsewhere is a proposal
 * here, whoever approved it there.
 *
 * Images are put before the rows that name them, and not while a transaction is open, since a bucket
 * may be slow. So a bundle with images is proposed twice: first as a trial that is taken back, so that
 * nothing is put of a bundle that is refused.
 */

import type { Transaction } from 'kysely';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { FieldsError } from '../../src/fields-error.ts';
import { newId } from '../http/new-id.ts';
import type { CardContent, CardInput } from './card-content.ts';
import { type ImageStore, putImages } from './images.ts';
import type { BundleImage } from './read-bundle.ts';

/** A state has some ten kinds of documents, each with some series. */
const CARDS_PER_STATE_MAX = 500;
const IMAGES_PER_STATE_MAX = 5_000;

interface ProposeOptions {
  db: CentralDatabase;
  store: ImageStore;
  /** A person of the bureau. */
  caller: Caller;
  nowMs: number;
}

/** Where a card of the bundle is now: its id and its newest version. */
export interface Proposed {
  id: string;
  version: number;
}

/**
 * Propose the cards of a bundle, and store its images. 'forbidden' if one is of another state,
 * 'bundle-refused' if the state would have too many or an image belongs to no card, FieldsError if an
 * image is nowhere or a card changes its class.
 */
export async function proposeCards(
  cards: readonly CardInput[],
  images: ReadonlyMap<string, BundleImage>,
  { db, store, caller, nowMs }: ProposeOptions,
): Promise<Proposed[]> {
  const state = checkCards(cards, images, caller);
  const propose = async (transaction: Transaction<CentralSchema>): Promise<Proposed[]> => {
    await enterImages(transaction, { state, images, nowMs });
    const proposed: Proposed[] = [];
    for (const [index, { id, ...card }] of cards.entries()) {
      const known = await imagesOf(transaction, state, { card, index });
      const content = JSON.stringify({ ...card, images: known } satisfies CardContent);
      const version = { id, card, content, index, subject: caller.subject, nowMs };
      proposed.push(await addVersion(transaction, version));
    }
    await checkCount(transaction, 'cards', { state, max: CARDS_PER_STATE_MAX });
    return proposed;
  };
  if (images.size > 0) {
    await tried(db, propose);
    await putImages(store, images.values());
  }
  return db.transaction().execute(propose);
}

/** Runs a change and takes it back; throws what the change throws. */
async function tried(
  db: CentralDatabase,
  change: (transaction: Transaction<CentralSchema>) => Promise<unknown>,
): Promise<void> {
  const end = Symbol();
  const trial = db.transaction().execute(async (transaction) => {
    await change(transaction);
    throw end;
  });
  await trial.catch((error: unknown) => {
    if (error !== end) throw error;
  });
}

/** Whether these cards and images may be brought by this caller; the state of all. No look-up. */
function checkCards(
  cards: readonly CardInput[],
  images: ReadonlyMap<string, BundleImage>,
  caller: Caller,
): string {
  const state = stateOfBureau(caller.tenant);
  if (state === undefined || cards.some(({ issuingState }) => issuingState !== state)) {
    throw new SltdError('forbidden');
  }
  const shown = new Set(cards.flatMap((card) => card.images.map(({ sha256 }) => sha256)));
  for (const name of images.keys()) {
    if (!shown.has(name)) throw new SltdError('bundle-refused', { detail: 'an image of no card' });
  }
  return state;
}

async function enterImages(
  transaction: Transaction<CentralSchema>,
  {
    state,
    images,
    nowMs,
  }: { state: string; images: ReadonlyMap<string, BundleImage>; nowMs: number },
): Promise<void> {
  for (const [sha256, { bytes, mediaType }] of images) {
    await transaction
      .insertInto('card_images')
      .values({
        ...{ state, sha256, media_type: mediaType, size_bytes: bytes.length, created_at: nowMs },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await checkCount(transaction, 'card_images', { state, max: IMAGES_PER_STATE_MAX });
}

async function checkCount(
  transaction: Transaction<CentralSchema>,
  table: 'cards' | 'card_images',
  { state, max }: { state: string; max: number },
): Promise<void> {
  const { count } = await transaction
    .selectFrom(table)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('state', '=', state)
    .executeTakeFirstOrThrow();
  if (count > max) throw new SltdError('bundle-refused', { detail: 'too many of one state' });
}

/** The images of a card, each of this bundle or of an earlier one of the same state. */
async function imagesOf(
  transaction: Transaction<CentralSchema>,
  state: string,
  { card, index }: { card: Omit<CardInput, 'id'>; index: number },
): Promise<CardContent['images']> {
  const images: CardContent['images'] = [];
  for (const [place, { sha256, captions }] of card.images.entries()) {
    const row = await transaction
      .selectFrom('card_images')
      .selectAll()
      .where('state', '=', state)
      .where('sha256', '=', sha256)
      .executeTakeFirst();
    if (!row) {
      const field = `cards.${index}.images.${place}.sha256`;
      throw new FieldsError([{ field, code: 'field-invalid' }]);
    }
    const mediaType = row.media_type as CardContent['images'][number]['mediaType'];
    images.push({ sha256, mediaType, sizeBytes: row.size_bytes, captions });
  }
  return images;
}

async function addVersion(
  transaction: Transaction<CentralSchema>,
  {
    id = newId(),
    card,
    content,
    index,
    subject,
    nowMs,
  }: {
    id: string | undefined;
    card: Omit<CardInput, 'id'>;
    content: string;
    index: number;
    subject: string;
    nowMs: number;
  },
): Promise<Proposed> {
  const { issuingState: state, documentClass } = card;
  await transaction
    .insertInto('cards')
    .values({
      ...{ id, state, document_class: documentClass, created_at: nowMs },
      ...{ last_version: 0, published_version: null },
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  // Changes nothing but holds the row: of two versions proposed at once, one comes after the other.
  const row = await transaction
    .updateTable('cards')
    .set((eb) => ({ last_version: eb.ref('last_version') }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (row.state !== state) throw new SltdError('forbidden');
  if (row.document_class !== documentClass) {
    const field = `cards.${index}.documentClass`;
    throw new FieldsError([{ field, code: 'field-invalid' }]);
  }
  const newest = await transaction
    .selectFrom('card_versions')
    .select(['content', 'withdrawn_at'])
    .where('card_id', '=', id)
    .where('version', '=', row.last_version)
    .executeTakeFirst();
  if (newest?.content === content && newest.withdrawn_at === null) {
    return { id, version: row.last_version };
  }
  const version = row.last_version + 1;
  await transaction
    .insertInto('card_versions')
    .values({
      ...{ card_id: id, version, content, author: subject, proposed_at: nowMs },
      ...{ approver: null, approved_at: null },
      ...{ withdrawn_by: null, withdrawn_at: null, withdrawal_reason: null },
    })
    .execute();
  await transaction
    .updateTable('cards')
    .set({ last_version: version })
    .where('id', '=', id)
    .execute();
  return { id, version };
}
