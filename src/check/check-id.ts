/**
 * Check id: a candidate, sealed, so that its caller can ask again and the edge keeps nothing.
 *
 * An encrypted JWT (RFC 7516, direct A256GCM): the document numbers in it can stand in a URL without
 * being there (S8). It holds what each collection said of the document, and the edition that said so,
 * because only that edition's data say what central's data must not be older than. Only the same
 * tenant can use it, for a day.
 */

import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import type { CanonicalKey } from '../document/canonical-key.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import { CATEGORIES, categoryOf } from '../format/category.ts';
import type { CheckEvent } from '../format/check-event.ts';
import type { Edition, ListState } from '../store/edition.ts';
import type { FindingCoverage } from './check.ts';
import type { Question, Spelling, Verdict } from './verdict.ts';

const LIFE_SECONDS = 24 * 60 * 60;
/** 64 keys of 36 characters that are candidates in four collections, sealed, are below. */
const TEXT_LENGTH_MAX = 12_288;

/** What one collection said of the document. */
export interface SealedFinding {
  collection: string;
  verdict: Verdict;
  /** The list that said it; undefined if there was none to answer from. */
  used: SealedList | undefined;
  coverage: FindingCoverage | undefined;
}

export interface SealedList {
  list: ListState;
  /** Of the head, in milliseconds since 1970. */
  issuedAt: number;
  notAfter: number;
}

/** As much of an edition as a check id holds. */
export const sealedList = (edition: Edition | undefined): SealedList | undefined =>
  edition && {
    list: edition.list,
    issuedAt: edition.head.issuedAt,
    notAfter: edition.head.notAfter,
  };

/** A document that was answered as a candidate. */
export interface SealedCheck {
  /** One for each collection that was asked, at least one of them a candidate. */
  findings: readonly SealedFinding[];
  /** Where the document was asked about first. */
  first: FirstAsked;
  /** For which state the caller worked. */
  callerState: string | undefined;
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

/** Key and place in SPELLINGS: short, because all of it goes into a URL. */
type KeyRow = [key: string, spelling: number];
/** Place in the rows of keys, category code or -1. */
type QuestionRow = [key: number, category: number];

const SPELLINGS: readonly Spelling[] = ['exact', 'other-reading', 'look-alike'];

/** Keys of the claims are short for the same reason. */
interface FindingClaims {
  /** Collection. */
  s: string;
  u?: SealedList | undefined;
  c?: FindingCoverage | undefined;
  /** Of a candidate: its questions, whether a withdrawal is pending, and its doubt. */
  q?: QuestionRow[];
  w?: boolean;
  d?: ErrorCode | undefined;
  /** Of a document that is unknown there; with neither q nor e it is absent. */
  e?: ErrorCode;
}

interface Claims {
  t: string;
  k: KeyRow[];
  v: FindingClaims[];
  f: FirstAsked;
  c?: string | undefined;
  o?: string | undefined;
  p?: string | undefined;
  r?: CheckEvent['direction'];
}

/** The check id of a candidate. */
export function sealCheck(
  { findings, first, callerState, operation, purpose, direction }: SealedCheck,
  { sealKeys, tenant, nowMs }: SealOptions,
): Promise<string> {
  const keys: KeyRow[] = [];
  const claims: Claims = {
    t: tenant,
    v: findings.map((finding) => findingClaims(finding, keys)),
    k: keys,
    f: first,
    c: callerState,
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
  const { k: keys, f: first, c: callerState, o: operation, p: purpose, r: direction } = claims;
  const findings = claims.v.map((finding) => findingOf(finding, keys));
  return { findings, first, callerState, operation, purpose, direction };
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

function findingClaims(
  { collection: s, verdict, used: u, coverage: c }: SealedFinding,
  keys: KeyRow[],
): FindingClaims {
  if (verdict.kind === 'absent') return { s, u, c };
  if (verdict.kind !== 'candidate') return { s, u, c, e: verdict.code };
  const { questions, isWithdrawalPending: w, doubt: d } = verdict;
  return { s, u, c, w, d, q: questions.map((question) => rowOf(question, keys)) };
}

function findingOf(claims: FindingClaims, keys: readonly KeyRow[]): SealedFinding {
  const { s: collection, u: used, c: coverage } = claims;
  return { collection, used, coverage, verdict: verdictOf(claims, keys) };
}

function verdictOf({ q, w = false, d: doubt, e }: FindingClaims, keys: readonly KeyRow[]): Verdict {
  if (q) {
    const questions = q.map((row) => questionOf(row, keys));
    return { kind: 'candidate', questions, doubt, isWithdrawalPending: w };
  }
  return e === undefined ? { kind: 'absent' } : { kind: 'unknown', code: e };
}

/** Adds the key to those that all collections share, unless it is there. */
function rowOf({ key, spelling, category }: Question, keys: KeyRow[]): QuestionRow {
  const code = category === undefined ? -1 : CATEGORIES.indexOf(category);
  const known = keys.findIndex(([each]) => each === key);
  if (known < 0) keys.push([key, SPELLINGS.indexOf(spelling)]);
  return [known < 0 ? keys.length - 1 : known, code];
}

function questionOf([place, code]: QuestionRow, keys: readonly KeyRow[]): Question {
  const [key, spelling] = keys[place]!;
  return {
    key: key as CanonicalKey,
    spelling: SPELLINGS[spelling] ?? 'look-alike',
    // Behind the class letter and the three characters of the issuing state.
    number: key.slice(4),
    category: code < 0 ? undefined : categoryOf(code),
  };
}
