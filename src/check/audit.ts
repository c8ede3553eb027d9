/**
 * Audit: one line of JSON for each request that asked about documents.
 *
 * Who asked, why, from which edition, and what each document was answered. Never a number: a document
 * leaves a keyed tag, the same for the same document on the same day and nothing to anybody without
 * the key (S8). The line is written before the answer goes out; its form is src/format/check-event.ts.
 */

import { base64url } from 'jose';
import type { CanonicalKey, DocumentName } from '../document/canonical-key.ts';
import { type AnswerStatus, assert } from '../errors.ts';
import {
  ANSWER_LETTERS,
  type CheckEvent,
  type CheckLine,
  eventOf,
  LINE_LENGTH_MAX,
  type ListEvent,
} from '../format/check-event.ts';
import { DayKeys, dayOf, TAG_BYTES, type TagKey } from '../format/tag-key.ts';
import type { WasmMatcher } from '../matcher/wasm-matcher.ts';
import type { ListState } from '../store/edition.ts';
import type { Defer } from '../store/page-store.ts';
import type { Caller } from './caller.ts';
import type { Collection } from './collection.ts';

const DIGEST_WORDS = 4;
const TAG_WORDS = TAG_BYTES / 4;

/** What a request met in one collection, and what each document was answered there. */
export interface AuditedList extends Omit<ListEvent, 'answers' | 'codes'> {
  /** `code` where there was no answer about it. */
  answers: readonly { status: AnswerStatus; code?: string | undefined }[];
}

/** What the line takes from the caller, the clock and the lists. */
type Derived = 'event' | 'time' | 'tenant' | 'site' | 'role' | 'sub' | 'state' | keyof ListEvent;

export interface AuditEvent extends Omit<CheckEvent, Derived> {
  caller: Caller;
  /** Milliseconds since 1970. */
  nowMs: number;
  /** At least one. */
  lists: readonly AuditedList[];
}

interface AuditTools {
  collections: ReadonlyMap<string, Collection>;
  log: (line: string) => void;
  defer: Defer;
}

/** Writes the line, and sends each central that wants it the event of its own collection. */
export function leaveAudit(event: AuditEvent, { collections, log, defer }: AuditTools): void {
  const { also = [], ...first } = lineOf(event);
  const whole = also.length === 0 ? first : { ...first, also };
  const line = JSON.stringify(whole);
  // A log would cut it, and lose all of it; a document of no class is one of any.
  const isKept = line.length <= LINE_LENGTH_MAX;
  log(isKept ? line : JSON.stringify({ ...whole, classes: undefined }));
  const own = collections.get(first.collection)?.postEvent;
  own?.(also.length === 0 ? line : JSON.stringify(first), defer);
  for (const list of also) {
    const post = collections.get(list.collection)?.postEvent;
    post?.(JSON.stringify(eventOf(first, list)), defer);
  }
}

function lineOf({
  caller,
  lists,
  nowMs,
  durationMs,
  tags,
  classes,
  ...rest
}: AuditEvent): CheckLine {
  const [own, ...also] = lists.map(listEventOf);
  assert(own !== undefined, 'a check asks at least one collection');
  return {
    event: 'check',
    time: new Date(nowMs).toISOString(),
    ...rest,
    tenant: caller.tenant,
    site: caller.site,
    role: caller.role,
    sub: caller.subject,
    state: caller.state,
    ...own,
    durationMs: Math.round(durationMs * 1000) / 1000,
    tags,
    classes,
    also,
  };
}

function listEventOf({ answers, ...list }: AuditedList): ListEvent {
  let letters = '';
  let codes: Record<string, number> | undefined;
  for (const { status, code } of answers) {
    letters += ANSWER_LETTERS[status];
    if (code === undefined) continue;
    codes ??= {};
    codes[code] = (codes[code] ?? 0) + 1;
  }
  return { ...list, codes, answers: letters };
}

/** What a line says of a list. */
export const auditedList = (list: ListState | undefined) =>
  list && {
    ...{ edition: list.edition, sequence: list.sequence },
    asOf: new Date(list.asOf).toISOString(),
  };

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
