/**
 * Audit: one line of JSON for each request that asked about documents.
 *
 * Who asked, why, from which edition and what was answered, in counts. Never a number: a candidate
 * leaves a keyed tag, the same for the same document within a month and nothing to anybody without
 * the key (S8).
 */

import { base64url } from 'jose';
import type { AnswerStatus } from '../errors.ts';
import type { Caller } from './caller.ts';
import type { CheckResults } from './check.ts';
import type { CandidateVerdict, Verdict } from './verdict.ts';

const TAG_BYTES = 16;

export interface AuditEvent {
  requestId: string;
  route: string;
  caller: Caller;
  purpose?: string | undefined;
  direction?: string | undefined;
  /** What each document was answered; `code` where there was no answer about it. */
  answers: readonly { status: AnswerStatus; code?: string | undefined }[];
  edition?: string | undefined;
  sequence?: number | undefined;
  central: CheckResults['central'];
  durationMs: number;
  /** Milliseconds since 1970. */
  nowMs: number;
  tags: readonly string[];
}

/** The event as a line of JSON. */
export function auditLine(event: AuditEvent): string {
  const { caller, answers, nowMs, tags, durationMs, ...rest } = event;
  const counts: Record<string, number> = {};
  const codes: Record<string, number> = {};
  for (const { status, code } of answers) {
    counts[status] = (counts[status] ?? 0) + 1;
    if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
  }
  return JSON.stringify({
    event: 'check',
    time: new Date(nowMs).toISOString(),
    ...rest,
    tenant: caller.tenant,
    site: caller.site,
    role: caller.role,
    sub: caller.subject,
    counts,
    ...(Object.keys(codes).length > 0 ? { codes } : {}),
    durationMs: Math.round(durationMs * 1000) / 1000,
    ...(tags.length > 0 ? { tags } : {}),
  });
}

/** Makes the tags of candidates, under a key of the month. */
export class AuditTagger {
  readonly #sealKey: Uint8Array;
  #month = '';
  #monthKey: CryptoKey | undefined;

  /** `sealKey` has 32 bytes. */
  constructor(sealKey: Uint8Array) {
    this.#sealKey = sealKey;
  }

  /** One tag for each candidate among the verdicts, in order; 22 characters. */
  async tagsOf(verdicts: readonly Verdict[], nowMs: number): Promise<string[]> {
    const candidates = verdicts.filter((verdict) => verdict.kind === 'candidate');
    if (candidates.length === 0) return [];
    const key = await this.#keyOf(new Date(nowMs).toISOString().slice(0, 7));
    return Promise.all(candidates.map((verdict) => tagOf(verdict, key)));
  }

  async #keyOf(month: string): Promise<CryptoKey> {
    if (this.#monthKey && this.#month === month) return this.#monthKey;
    const monthBytes = await hmac(await hmacKey(this.#sealKey), `sltd-audit-tag ${month}`);
    const key = await hmacKey(monthBytes);
    this.#month = month;
    this.#monthKey = key;
    return key;
  }
}

async function tagOf({ questions }: CandidateVerdict, key: CryptoKey): Promise<string> {
  // Without the class letter: the same document asked under another class is the same document.
  const bytes = await hmac(key, questions[0]!.key.slice(1));
  return base64url.encode(bytes.subarray(0, TAG_BYTES));
}

const hmacKey = (bytes: Uint8Array) =>
  crypto.subtle.importKey(
    'raw',
    bytes as Uint8Array<ArrayBuffer>,
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );

const hmac = async (key: CryptoKey, text: string) =>
  new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text)));
