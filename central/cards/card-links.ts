/**
 * Links to cards: what the answer to a check says of the cards that fit its documents.
 *
 * A card is found by class, state and number of a key, and by the day of issue of its record; where
 * a document is listed only under a look-alike, by what was read as well. The link names the card and
 * for whom it was made, signed, for an hour at most: it can be opened in a browser without a token,
 * and has nothing of the document. Whether the card is still published is looked at when it is opened.
 */

import { jwtVerify, SignJWT } from 'jose';
import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import type { CardLink, ConfirmationAnswer } from '../../src/format/confirmation.ts';
import { Id } from '../../src/format/forms.ts';
import { ROLES, type Role } from '../../src/format/role.ts';
import type { SigningKey } from '../../src/format/signature.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import type { RecordRow } from '../records/tables.ts';
import { type CardContent, fits } from './card-content.ts';
import { contentOf, publishedCards } from './find-cards.ts';

/** Who may read cards. */
export const CARD_READERS: readonly Role[] = ['officer', 'ncb'];

const LINK_TYPE = 'sltd-card-link+jwt';
/** A link made within such a span ends with the next one: between half an hour and an hour. */
const LINK_SPAN_MS = 30 * 60_000;
const LINKS_KEPT_MAX = 5_000;
/** Cards of a state are read again after this long; until then an answer may name one too few. */
const CARDS_KEPT_MS = 10_000;
/** A document with more cards has too many to read at a desk. */
const CARDS_PER_KEY_MAX = 5;
const CARDS_PER_ANSWER_MAX = 200;

const ClaimsSchema = v.object({
  card: Id,
  tenant: v.string(),
  role: v.picklist(ROLES),
});

/** Whose link it is, and to which card. */
export type OpenedLink = v.InferOutput<typeof ClaimsSchema>;

/** A question that something is listed for, as far as cards go by it. */
interface Asked {
  keys: readonly string[];
  /** Places in `keys` of what was read. */
  exact: readonly number[];
  records: ReadonlyMap<string, RecordRow>;
  caller: Caller;
}

interface PublishedCard {
  id: string;
  content: CardContent;
}

/** Cards as answers name them, and the links by which they are opened. */
export class CardLinks {
  readonly #db: CentralDatabase;
  readonly #signer: SigningKey;
  readonly #publicUrl: string | undefined;
  readonly #clock: () => number;
  readonly #byState = new Map<string, { cards: Promise<PublishedCard[]>; readAtMs: number }>();
  readonly #links = new Map<string, string>();

  constructor(options: {
    db: CentralDatabase;
    signer: SigningKey;
    /** Without a trailing slash; undefined: cards are named without a link. */
    publicUrl: string | undefined;
    clock: () => number;
  }) {
    this.#db = options.db;
    this.#signer = options.signer;
    this.#publicUrl = options.publicUrl;
    this.#clock = options.clock;
  }

  /** Cards of the documents of a question, and their places by key; none where nothing is listed. */
  async of({ keys, exact, records, caller }: Asked): Promise<{
    cards: ConfirmationAnswer['cards'];
    places: ReadonlyMap<string, number[]>;
  }> {
    const places = new Map<string, number[]>();
    if (records.size === 0 || !CARD_READERS.includes(caller.role))
      return { cards: undefined, places };
    const read = new Set(exact.flatMap((index) => keys[index] ?? []));
    const chosen = new Map<string, PublishedCard>();
    for (const key of new Set([...read, ...records.keys()])) {
      const record = read.has(key) ? records.get(key) : undefined;
      const fitting = await this.#fitting(key, record?.date_of_issue ?? null);
      for (const card of fitting) {
        if (chosen.size < CARDS_PER_ANSWER_MAX) chosen.set(card.id, card);
      }
      const ids = [...chosen.keys()];
      const found = fitting.map(({ id }) => ids.indexOf(id)).filter((place) => place >= 0);
      if (found.length > 0) places.set(key, found);
    }
    if (chosen.size === 0) return { cards: undefined, places };
    const cards = [...chosen.values()].map((card) => this.#linkOf(card, caller));
    return { cards: await Promise.all(cards), places };
  }

  /** What a link says; 'not-found' for one that is none or has ended. */
  async open(token: string): Promise<OpenedLink> {
    try {
      const { payload } = await jwtVerify(token, this.#signer.verifier.key, {
        algorithms: ['EdDSA'],
        typ: LINK_TYPE,
        requiredClaims: ['exp'],
        currentDate: new Date(this.#clock()),
      });
      const claims = v.parse(ClaimsSchema, payload);
      if (CARD_READERS.includes(claims.role)) return claims;
    } catch {
      // Signature, type, time or form: nothing can be learned by trying.
    }
    throw new SltdError('not-found');
  }

  /** Those of a series before those of all numbers. */
  async #fitting(key: string, dateOfIssue: string | null): Promise<PublishedCard[]> {
    const subject = { classes: key.slice(0, 1), number: key.slice(4), dateOfIssue };
    const cards = await this.#cardsOf(key.slice(1, 4).replaceAll('<', ''));
    const found = cards.filter(({ content }) => fits(content, subject));
    const isGeneral = ({ content }: PublishedCard) => Number(content.series === undefined);
    return found.sort((a, b) => isGeneral(a) - isGeneral(b)).slice(0, CARDS_PER_KEY_MAX);
  }

  #cardsOf(state: string): Promise<PublishedCard[]> {
    const nowMs = this.#clock();
    const kept = this.#byState.get(state);
    if (kept && nowMs - kept.readAtMs < CARDS_KEPT_MS) return kept.cards;
    const reading = publishedCards(this.#db, state).then((rows) =>
      rows.map((row) => ({ id: row.id, content: contentOf(row) })),
    );
    // The answer says who is listed, with cards or without.
    const cards = reading.catch((): PublishedCard[] => []);
    this.#byState.set(state, { cards, readAtMs: nowMs });
    return cards;
  }

  async #linkOf({ id, content }: PublishedCard, caller: Caller): Promise<CardLink> {
    const { en, fr, es, ar } = content.texts;
    const titles = { en: en.title, fr: fr.title, es: es.title, ar: ar.title };
    if (this.#publicUrl === undefined) return { id, titles };
    return { id, titles, href: `${this.#publicUrl}/cards/${await this.#tokenOf(id, caller)}` };
  }

  /** The same for all answers to a tenant's role within a span: a signature costs as an answer does. */
  async #tokenOf(card: string, { tenant, role }: Caller): Promise<string> {
    const span = Math.floor(this.#clock() / LINK_SPAN_MS);
    const name = JSON.stringify([span, card, tenant, role]);
    const made = this.#links.get(name);
    if (made !== undefined) return made;
    const token = await new SignJWT({ card, tenant, role })
      .setProtectedHeader({ alg: 'EdDSA', typ: LINK_TYPE })
      .setExpirationTime((span + 2) * (LINK_SPAN_MS / 1000))
      .sign(this.#signer.key);
    if (this.#links.size >= LINKS_KEPT_MAX) this.#links.clear();
    this.#links.set(name, token);
    return token;
  }
}
