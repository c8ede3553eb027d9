/**
 * Modelled traffic of a border post: which documents are asked, of which states, in which order.
 *
 * Three nationalities make 60 % of it, the others follow the skew of the list; three documents of five
 * come as a passport's zone, one as a card's, one is typed. Nobody's documents: a guess at the shape, as
 * data-build/generate is one for the list. The same seed gives the same traffic.
 */

import { Random } from '../../data-build/generate/random.ts';
import { ISSUERS } from '../../data-build/generate/synthetic-rows.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { type QueryResult, queryFromFields, queryFromMrz } from '../../src/document/query.ts';
import { renderMrz } from './render-mrz.ts';

/** INTERPOL's searches meet a listed document about once in so many. */
export const SEARCHES_A_HIT = 11_000;
/** Shares of the three nationalities that a post sees most. */
const HOME_SHARES = [0.3, 0.18, 0.12];
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const PASSPORT_SHARE = 0.6;
const CARD_SHARE = 0.2;

/** A document as a post sends it: a zone, or number, state and class. */
export type TrafficDocument = { mrz: string } | typeof TYPED;
const TYPED = { number: '', issuingState: '', documentClass: 'passport' };

interface Issuer {
  state: StateCode;
  /** Sum of the shares of all issuers up to this one. */
  bound: number;
  letterCount: number;
  digitCount: number;
}

/** Keys of each state that has any, in a list of so many: the shape of the synthetic list. */
export function listShape(keyCount: number): Map<StateCode, number> {
  const sum = ISSUERS.reduce((total, { weight }) => total + weight, 0);
  return new Map(
    ISSUERS.map(({ state, weight }) => [state, Math.ceil((keyCount * weight) / sum)] as const),
  );
}

export class Traffic {
  /** The post's three nationalities, the largest share first. */
  readonly homes: readonly StateCode[];
  readonly #random: Random;
  readonly #issuers: Issuer[];

  /** Each seed is another post: its nationalities are drawn by how long their lists are. */
  constructor(seed: number) {
    this.#random = new Random(seed);
    const rest = new Map(ISSUERS.map(({ state, weight }) => [state, weight]));
    this.homes = HOME_SHARES.map(() => this.#take(rest));
    const restSum = [...rest.values()].reduce((sum, weight) => sum + weight, 0);
    const restShare = 1 - HOME_SHARES.reduce((sum, share) => sum + share, 0);
    const shares: [StateCode, number][] = [
      ...this.homes.map((state, i): [StateCode, number] => [state, HOME_SHARES[i]!]),
      ...[...rest].map(([state, weight]): [StateCode, number] => [
        state,
        (restShare * weight) / restSum,
      ]),
    ];
    let bound = 0;
    this.#issuers = shares.map(([state, share]) => {
      bound += share;
      const letterCount = this.#random.below(3);
      return { state, bound, letterCount, digitCount: 7 + this.#random.below(3 - letterCount) };
    });
  }

  /** The next traveller's document; no number has more than nine characters. */
  next(): TrafficDocument {
    const { state: issuingState, letterCount, digitCount } = this.#pick();
    const documentNumber =
      Array.from({ length: letterCount }, () => this.#random.pick([...LETTERS])).join('') +
      String(this.#random.below(10 ** digitCount)).padStart(digitCount, '0');
    const kind = this.#random.next() / 2 ** 32;
    if (kind >= PASSPORT_SHARE + CARD_SHARE) {
      return { ...TYPED, number: documentNumber, issuingState };
    }
    const isPassport = kind < PASSPORT_SHARE;
    const lines = renderMrz({
      ...(isPassport ? { format: 'TD3', documentCode: 'P' } : { format: 'TD1', documentCode: 'I' }),
      ...{ issuingState, documentNumber },
      ...{ birthDate: '740812', sex: 'F', expiryDate: '320415' },
    });
    return { mrz: lines.join('\n') };
  }

  #take(weights: Map<StateCode, number>): StateCode {
    const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
    let place = (this.#random.next() / 2 ** 32) * sum;
    let taken: StateCode | undefined;
    for (const [state, weight] of weights) {
      taken = state;
      place -= weight;
      if (place < 0) break;
    }
    weights.delete(taken!);
    return taken!;
  }

  #pick(): Issuer {
    const place = this.#random.next() / 2 ** 32;
    return this.#issuers.find(({ bound }) => place < bound) ?? this.#issuers.at(-1)!;
  }
}

/** What is asked about a document. */
export function queryOf(document: TrafficDocument): QueryResult {
  return 'mrz' in document ? queryFromMrz(document.mrz) : queryFromFields(document);
}
