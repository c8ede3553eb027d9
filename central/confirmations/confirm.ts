/**
 * A question of the edge about candidates, and the signed answer.
 *
 * The answer is bound to its question by nonce and hash, says which export the data is and up to when
 * it is complete, and has one result for each key, in order. Before the first load, or for a
 * collection that is not held here, there is no answer at all: "not listed" would clear a candidate
 * for want of data (promise 1). Form: src/format/confirmation.ts.
 */

import { hash } from 'node:crypto';
import { CompactSign } from 'jose';
import { SltdError } from '../../src/errors.ts';
import {
  CONFIRMATION_ITEMS_MAX,
  CONFIRMATION_TYPE,
  type ConfirmationAnswer,
  type ConfirmationQuestion,
  parseConfirmationQuestion,
} from '../../src/format/confirmation.ts';
import type { SigningKey } from '../../src/format/signature.ts';
import { TRAINING } from '../../src/format/training.ts';
import type { CardLinks } from '../cards/card-links.ts';
import type { SightingRecorder } from '../cases/sightings.ts';
import { sightingsOf } from '../cases/sightings-of.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { parseJson } from '../http/read-body.ts';
import { findListed } from '../records/find-records.ts';
import { ownerOf } from '../records/owners.ts';
import { confirmationView } from '../records/views.ts';

interface ConfirmOptions {
  db: CentralDatabase;
  signer: SigningKey;
  caller: Caller;
  /** Where hits are written down before their answer leaves. */
  sightings: SightingRecorder;
  /** Cards that fit what is listed. */
  cardLinks: CardLinks;
  clock: () => number;
}

/** A signed answer, and how many keys it is about: for the log, which may know no more. */
export interface Confirmation {
  /** Compact JWS over a ConfirmationAnswer. */
  jws: string;
  keyCount: number;
  listedCount: number;
}

/**
 * Answer the question in a body. Throws 'body-not-json', 'request-invalid', 'edition-missing' before
 * the first load, and 'not-found' for another collection than the one loaded.
 */
export async function confirm(
  body: Uint8Array<ArrayBuffer>,
  { db, signer, caller, sightings, cardLinks, clock }: ConfirmOptions,
): Promise<Confirmation> {
  const question = questionOf(parseJson(body));
  const listed = await findListed(db, question.keys, caller.state);
  if (!listed) throw new SltdError('edition-missing');
  if (listed.state.collection !== question.collection) throw new SltdError('not-found');
  const { keys, encounter } = question;
  const { records, restricted } = listed;
  // Of what is restricted nothing is said, and no card tells that something is.
  const exact = (encounter?.exact ?? []).filter((index) => !restricted.has(keys[index] ?? ''));
  const { cards, places } = await cardLinks.of({ keys, exact, records, caller });
  const results = keys.map((key): ConfirmationAnswer['results'][number] => {
    if (restricted.has(key)) return { restricted: true };
    const record = records.get(key);
    const view =
      record && confirmationView(record, caller, ownerOf(question.collection, record.state));
    return { listed: record !== undefined, record: view, cards: places.get(key) };
  });
  const answer: ConfirmationAnswer = {
    nonce: question.nonce,
    questionSha256: hash('sha256', body, 'base64url'),
    issuedAt: clock(),
    asOf: listed.state.asOf,
    // Left out of the JSON where it is undefined: the edge then has the date alone to go by.
    inputsSha256: listed.state.inputsSha256,
    operationSequence: listed.state.operationSequence,
    results,
    cards,
    training: listed.state.collection === TRAINING ? true : undefined,
  };
  const [jws] = await Promise.all([
    sign(answer, signer),
    sightings.record(sightingsOf(question, { records, caller, nowMs: answer.issuedAt })),
  ]);
  const listedCount = results.filter((result) => result.listed).length;
  return { jws, keyCount: results.length, listedCount };
}

const sign = (answer: ConfirmationAnswer, signer: SigningKey): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(answer)))
    .setProtectedHeader({ alg: 'EdDSA', typ: CONFIRMATION_TYPE })
    .sign(signer.key);

function questionOf(value: unknown): ConfirmationQuestion {
  // Looked at first, because the schema notes every bad item of a list, however long it is.
  const keys = (value as { keys?: unknown } | null)?.keys;
  if (Array.isArray(keys) && keys.length > CONFIRMATION_ITEMS_MAX) {
    throw new SltdError('request-invalid');
  }
  const question = parseConfirmationQuestion(value);
  if (!question) throw new SltdError('request-invalid');
  return question;
}
