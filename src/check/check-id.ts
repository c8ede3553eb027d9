/**
 * Check id: a candidate, sealed, so that its caller can ask again and the edge keeps nothing.
 *
 * An encrypted JWT (RFC 7516, direct A256GCM): the document numbers in it can stand in a URL without
 * being there (S8). It names the edition that made the candidate, because only that edition's data
 * say what central's data must not be older than. Only the same tenant can use it, for a day.
 */

import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import type { CanonicalKey } from '../document/canonical-key.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import { CATEGORIES, categoryOf } from '../format/category.ts';
import type { CheckEvent } from '../format/check-event.ts';
import type { Coverage } from '../format/manifest.ts';
import type { ListState } from '../store/edition.ts';
import type { CandidateVerdict, Question, Spelling } from './verdict.ts';

const LIFE_SECONDS = 24 * 60 * 60;
/** 64 keys of 36 characters, sealed, are well below. */
const TEXT_LENGTH_MAX = 8_192;

/** A candidate and the state of the list that made it. */
export interface SealedCheck {
  verdict: CandidateVerdict;
  list: ListState;
  /** Of the head, in milliseconds since 1970. */
  issuedAt: number;
  notAfter: number;
  coverage: Coverage;
  /** Where the document was asked about first. */
  first: FirstAsked;
  /** Of the first question: asking again does not change what it was for. */
  operation: string | undefined;
  purpose: string | undefined;
  direction: CheckEvent['direction'];
}

/** The request that made a candidate, and the place of the document in it. */
export interface FirstAsked {
  requestId: string;
  place: number;
  /** Milliseconds since 1970. */
  timeMs: number;
}

interface SealOptions {
  /** 32 bytes each: the first one seals, every one opens. */
  sealKeys: readonly Uint8Array[];
  tenant: string;
  nowMs: number;
}

/** Key, place in SPELLINGS, category code or -1: short, because all of it goes into a URL. */
type QuestionRow = [key: string, spelling: number, category: number];

const SPELLINGS: readonly Spelling[] = ['exact', 'other-reading', 'look-alike'];

/** Keys of the claims are short for the same reason. */
interface Claims {
  t: string;
  q: QuestionRow[];
  l: ListState;
  i: number;
  n: number;
  c: Coverage;
  w: boolean;
  d?: ErrorCode | undefined;
  f: FirstAsked;
  o?: string | undefined;
  p?: string | undefined;
  r?: CheckEvent['direction'];
}

/** The check id of a candidate. */
export function sealCheck(
  sealed: SealedCheck,
  { sealKeys, tenant, nowMs }: SealOptions,
): Promise<string> {
  const { verdict, list, issuedAt, notAfter, coverage } = sealed;
  const { first, operation, purpose, direction } = sealed;
  const claims: Claims = {
    t: tenant,
    q: verdict.questions.map(rowOf),
    l: list,
    i: issuedAt,
    n: notAfter,
    c: coverage,
    w: verdict.isWithdrawalPending,
    d: verdict.doubt,
    f: first,
    o: operation,
    p: purpose,
    r: direction,
  };
  return new EncryptJWT({ ...claims })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setExpirationTime(Math.floor(nowMs / 1000) + LIFE_SECONDS)
    .encrypt(sealKeys[0]!);
}

/** What a check id holds. Throws 'check-id-expired', and 'check-id-invalid' for everything else. */
export async function openCheck(
  text: string,
  { sealKeys, tenant, nowMs }: SealOptions,
): Promise<SealedCheck> {
  if (text.length > TEXT_LENGTH_MAX) throw new SltdError('check-id-invalid');
  const claims = await claimsOf(text, sealKeys, nowMs);
  if (claims.t !== tenant) throw new SltdError('check-id-invalid');
  const verdict: CandidateVerdict = {
    kind: 'candidate',
    questions: claims.q.map(questionOf),
    doubt: claims.d,
    isWithdrawalPending: claims.w,
  };
  const { l: list, i: issuedAt, n: notAfter, c: coverage, f: first } = claims;
  const { o: operation, p: purpose, r: direction } = claims;
  return {
    ...{ verdict, list, issuedAt, notAfter, coverage },
    ...{ first, operation, purpose, direction },
  };
}

async function claimsOf(
  text: string,
  sealKeys: readonly Uint8Array[],
  nowMs: number,
): Promise<Claims> {
  for (const sealKey of sealKeys) {
    try {
      const { payload } = await jwtDecrypt(text, sealKey, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        requiredClaims: ['exp'],
        currentDate: new Date(nowMs),
      });
      // Sealed by ourselves: whoever could forge it could forge anything.
      return payload as unknown as Claims;
    } catch (error) {
      // Only a seal that another key may open is tried further.
      if (error instanceof errors.JWTExpired) throw new SltdError('check-id-expired');
      if (!(error instanceof errors.JWEDecryptionFailed)) break;
    }
  }
  throw new SltdError('check-id-invalid');
}

function rowOf({ key, spelling, category }: Question): QuestionRow {
  const code = category === undefined ? -1 : CATEGORIES.indexOf(category);
  return [key, SPELLINGS.indexOf(spelling), code];
}

function questionOf([key, spelling, code]: QuestionRow): Question {
  return {
    key: key as CanonicalKey,
    spelling: SPELLINGS[spelling] ?? 'look-alike',
    // Behind the class letter and the three characters of the issuing state.
    number: key.slice(4),
    category: code < 0 ? undefined : categoryOf(code),
  };
}
