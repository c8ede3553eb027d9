/**
 * Audit: one line of JSON for each request that asked about documents.
 *
 * Who asked, why, from which edition, and what each document was answered. Never a number: a document
 * leaves a keyed tag, the same for the same document on the same day and nothing to anybody without
 * the key (S8). The line is written before the answer goes out; its form is src/format/check-event.ts.
 */

import { base64url } from 'jose';
import type { CanonicalKey, DocumentName } from '../document/canonical-key.ts';
import type { AnswerStatus } from '../errors.ts';
import { ANSWER_LETTERS, type CheckEvent } from '../format/check-event.ts';
import { DayKeys, dayOf, TAG_BYTES, type TagKey } from '../format/tag-key.ts';
import type { WasmMatcher } from '../matcher/wasm-matcher.ts';
import type { Caller } from './caller.ts';

const DIGEST_WORDS = 4;
const TAG_WORDS = TAG_BYTES / 4;

/** What the line takes from the caller, the clock and the answers. */
type Derived = 'event' | 'time' | 'tenant' | 'site' | 'role' | 'sub' | 'answers' | 'codes';

export interface AuditEvent extends Omit<CheckEvent, Derived> {
  caller: Caller;
  /** What each document was answered; `code` where there was no answer about it. */
  answers: readonly { status: AnswerStatus; code?: string | undefined }[];
  /** Milliseconds since 1970. */
  nowMs: number;
}

/** The event as a line of JSON. */
export function auditLine({ caller, answers, nowMs, ...rest }: AuditEvent): string {
  let letters = '';
  let codes: Record<string, number> | undefined;
  for (const { status, code } of answers) {
    letters += ANSWER_LETTERS[status];
    if (code === undefined) continue;
    codes ??= {};
    codes[code] = (codes[code] ?? 0) + 1;
  }
  const event: CheckEvent = {
    event: 'check',
    time: new Date(nowMs).toISOString(),
    ...rest,
    tenant: caller.tenant,
    site: caller.site,
    role: caller.role,
    sub: caller.subject,
    codes,
    durationMs: Math.round(rest.durationMs * 1000) / 1000,
    answers: letters,
  };
  return JSON.stringify(event);
}

/** Makes the tags of documents, by the wasm that makes their digests. */
export class Tagger {
  readonly #matcher: WasmMatcher;
  readonly #keys: DayKeys;

  constructor(matcher: WasmMatcher, key: TagKey) {
    this.#matcher = matcher;
    this.#keys = new DayKeys(key);
  }

  /**
   * Tags of the documents on the day of `nowMs`, in order, as base64url; zeros where there is no
   * name. Undefined if the clock is before the month of the key.
   */
  async tagsOf(
    names: readonly (DocumentName | undefined)[],
    nowMs: number,
  ): Promise<string | undefined> {
    const key = await this.#keys.of(dayOf(nowMs));
    if (!key) return undefined;
    // The wasm hashes ASCII of this length, whatever it stands for.
    const known = names.filter((name) => name !== undefined) as readonly string[];
    const digests = this.#matcher.digests(known as readonly CanonicalKey[], key);
    const words = new Uint32Array(TAG_WORDS * names.length);
    let from = 0;
    for (let i = 0; i < names.length; i++) {
      if (names[i] === undefined) continue;
      for (let word = 0; word < TAG_WORDS; word++) {
        words[TAG_WORDS * i + word] = digests[from + word]!;
      }
      from += DIGEST_WORDS;
    }
    return base64url.encode(new Uint8Array(words.buffer));
  }
}
