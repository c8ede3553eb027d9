/**
 * 1,000 reports against the checks of 30 days, on every database that this machine has: those that
 * were checked are found, all of them and no other, and told once.
 */

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { mergeTags } from '../../central/check-events/merge-tags.ts';
import { referenceOf } from '../../central/check-events/reference.ts';
import { tagsIn } from '../../central/check-events/tags.ts';
import { takeEvents } from '../../central/check-events/take-events.ts';
import { isPostgres } from '../../central/database/database.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { matchReports } from '../../central/retro-match/match-reports.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { Tagger } from '../../src/check/audit.ts';
import type { DocumentName } from '../../src/document/canonical-key.ts';
import type { CheckEvent } from '../../src/format/check-event.ts';
import { DayKeys, dayOf, type TagKey } from '../../src/format/tag-key.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { databaseKinds } from '../support/postgres.ts';
import { reportKeys } from '../support/reported-records.ts';
import { type Proof, type ProofRun, randomSource } from './proof.ts';

const REPORTS = 1_000;
/** Reports of documents that were checked. */
const CHECKED = 300;
const LIMIT_SECONDS = 10;
const DAYS = 30;
const DAY_MS = 86_400_000;
const DOCUMENTS_PER_EVENT = 1_000;
/** Half a million tags a transaction: nobody waits for an answer. */
const BATCH = { eventsMax: 500, documentsMax: 500_000 };
const DOCUMENTS_PER_BATCH = BATCH.eventsMax * DOCUMENTS_PER_EVENT;
const TAGS_PER_STATEMENT = 20_000;
const KEY: TagKey = { month: '2020-01', bytes: new Uint8Array(32).fill(5) };

export const retroMatch: Proof = {
  name: 'retro-match',
  claim:
    '1,000 reports are compared with all checks of the last 30 days in under 10 seconds, and exactly ' +
    'the checks of reported documents are found and told, once',
  sizes: { full: 100_000_000, small: 100_000, unit: 'checks' },
  async run(run) {
    const { kinds, stop } = await databaseKinds();
    const parts: string[] = [];
    const details: Record<string, number | boolean> = {};
    let holds = true;
    try {
      for (const { name, create } of kinds) {
        const database = await create();
        try {
          const result = await tryOn(database.db, name, run);
          holds &&= result.holds;
          parts.push(
            `${name} ${result.seconds.toFixed(2)} s (${result.found} of ${result.expected} found, ` +
              `${result.told} told)`,
          );
          details[`${name}Seconds`] = result.seconds;
          details[`${name}LoadSeconds`] = result.loadSeconds;
          details[`${name}Found`] = result.found;
        } finally {
          await database.remove();
        }
      }
    } finally {
      await stop();
    }
    return {
      holds,
      figure: `${REPORTS} reports against ${run.size} checks: ${parts.join('; ')}`,
      details: { ...details, checks: run.size },
    };
  },
};

async function tryOn(db: CentralDatabase, database: string, { seed, size, progress }: ProofRun) {
  const nowMs = Date.UTC(2026, 10, 22, 12);
  const random = randomSource(seed);
  const tagger = new Tagger(new WasmMatcher(readMatcherModule()), KEY);
  const planted = new Set<number>();
  while (planted.size < CHECKED) planted.add(random.below(size));
  const checked = new Set<string>();
  // The last day comes as live events do: taken, staged, merged. Before it, tags are laid where a merge leaves them.
  const liveFrom = size - Math.ceil(size / DAYS);
  const startedMs = Date.now();
  const tags: DayTags = new Map();
  for (let first = 0; first < size; first += DOCUMENTS_PER_BATCH) {
    const live: CheckEvent[] = [];
    const past: CheckEvent[] = [];
    const end = Math.min(size, first + DOCUMENTS_PER_BATCH);
    for (let from = first; from < end; from += DOCUMENTS_PER_EVENT) {
      const count = Math.min(DOCUMENTS_PER_EVENT, end - from);
      // In the order of time, as they come in.
      const at = nowMs - DAYS * DAY_MS + Math.floor((from / size) * DAYS * DAY_MS);
      const names = Array.from({ length: count }, (_, i) => {
        if (!planted.has(from + i)) return undefined;
        const name = reportedName(checked.size);
        checked.add(name);
        return name;
      });
      if (from >= liveFrom) {
        const all = names.map((name) => (name ?? `UTOX${random.u32()}`) as DocumentName);
        live.push(eventOf(at, count, await tagger.tagsOf(all, at)));
        continue;
      }
      past.push(eventOf(at, count));
      // Events are numbered from 1 on.
      const number = Math.ceil(from / DOCUMENTS_PER_EVENT) + 1;
      const ofDay = tags.get(dayOf(at)) ?? { unlisted: [], planted: [] };
      tags.set(dayOf(at), ofDay);
      for (const [place, name] of names.entries()) {
        const reference = referenceOf(number, place);
        if (name === undefined) {
          ofDay.unlisted.push(reference);
          continue;
        }
        const bytes = Buffer.from((await tagger.tagsOf([name as DocumentName], at))!, 'base64url');
        ofDay.planted.push([tagsIn(bytes)[0]!, reference]);
      }
    }
    await takeEvents(db, past, { nowMs, limits: BATCH });
    for (const [day, ofDay] of tags) {
      // A whole day at once: each page of it is written once.
      const isOver = end >= liveFrom || day < Math.max(...tags.keys());
      if (!isOver) continue;
      await layInOrder(db, day, ofDay, random);
      tags.delete(day);
    }
    await takeEvents(db, live, { nowMs, limits: BATCH });
    await mergeTags(db, nowMs);
    progress(`${database}: ${end} of ${size} checks`);
  }
  const loadSeconds = (Date.now() - startedMs) / 1000;
  await db.transaction().execute((trx) =>
    reportKeys(
      trx,
      Array.from({ length: REPORTS }, (_, index) => ({
        ...{ key: `P${reportedName(index)}`, recordId: `record-${index}`, at: nowMs },
      })),
    ),
  );
  const start = performance.now();
  const { found } = await matchReports(db, { dayKeys: new DayKeys(KEY), nowMs });
  const seconds = (performance.now() - start) / 1000;
  const again = await matchReports(db, { dayKeys: new DayKeys(KEY), nowMs });
  const { told } = await db
    .selectFrom('notifications')
    .select((eb) => eb.cast<number>(eb.fn.countAll(), 'integer').as('told'))
    .executeTakeFirstOrThrow();
  const expected = checked.size;
  // The agency and the bureau, which is the issuing one here as well.
  const isTold = told === 2 * expected;
  const holds = found === expected && again.found === 0 && isTold && seconds < LIMIT_SECONDS;
  return { holds, seconds, loadSeconds, found, expected, told };
}

/** Of past days: references of documents that nobody reports, and tags with references of those that are. */
type DayTags = Map<number, { unlisted: number[]; planted: [tag: bigint, reference: number][] }>;

/** Rows of check_tags. What nobody reports has a tag like any number, so these are made ascending at once. */
async function layInOrder(
  db: CentralDatabase,
  day: number,
  { unlisted, planted }: { unlisted: readonly number[]; planted: readonly [bigint, number][] },
  random: { u32(): number },
): Promise<void> {
  const words = Uint32Array.from({ length: 2 * unlisted.length }, () => random.u32());
  const tags = new BigInt64Array(words.buffer).sort();
  const put = (some: readonly bigint[], references: readonly number[]) =>
    (isPostgres(db)
      ? sql`insert into check_tags (day, tag, reference) select ${day}::integer, *
          from unnest(${`{${some.join()}}`}::bigint[], ${`{${references.join()}}`}::bigint[])`
      : sql`insert into check_tags (day, tag, reference) select ${day}, value ->> 0, value ->> 1
          from json_each(${`[${some.map((tag, i) => `[${tag},${references[i]}]`).join()}]`})`
    ).execute(db);
  for (let first = 0; first < tags.length; first += TAGS_PER_STATEMENT) {
    const end = first + TAGS_PER_STATEMENT;
    await put([...tags.subarray(first, end)], unlisted.slice(first, end));
  }
  if (planted.length === 0) return;
  await put(
    planted.map(([tag]) => tag),
    planted.map(([, reference]) => reference),
  );
}

/** Numbers of another series than all others. */
const reportedName = (index: number) => `UTOR${index}`;

const eventOf = (at: number, count: number, tags?: string): CheckEvent => ({
  event: 'check',
  collection: 'sltd',
  time: new Date(at).toISOString(),
  requestId: randomUUID(),
  route: 'POST /v1/checks',
  tenant: 'BORDER-UTO',
  site: 'airport',
  role: 'officer',
  sub: 'officer-1',
  direction: 'entry',
  central: 'not-asked',
  asOf: new Date(at).toISOString(),
  durationMs: 5,
  answers: 'c'.repeat(count),
  ...(tags === undefined ? {} : { tags }),
});
