/**
 * 1,000 reports against the checks of 30 days, on every database that this machine has: those that
 * were checked are found, all of them and no other, and told once.
 */

import { randomUUID } from 'node:crypto';
import { mergeTags } from '../../central/check-events/merge-tags.ts';
import { takeEvents } from '../../central/check-events/take-events.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { matchReports } from '../../central/retro-match/match-reports.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { Tagger } from '../../src/check/audit.ts';
import type { DocumentName } from '../../src/document/canonical-key.ts';
import type { CheckEvent } from '../../src/format/check-event.ts';
import { DayKeys, type TagKey } from '../../src/format/tag-key.ts';
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
  const startedMs = Date.now();
  let batch: CheckEvent[] = [];
  for (let first = 0; first < size; first += DOCUMENTS_PER_EVENT) {
    const count = Math.min(DOCUMENTS_PER_EVENT, size - first);
    const names = Array.from({ length: count }, (_, i) => {
      const isPlanted = planted.has(first + i);
      const name = isPlanted ? reportedName(checked.size) : `UTOX${random.u32()}`;
      if (isPlanted) checked.add(name);
      return name as DocumentName;
    });
    // In the order of time, as they come in.
    const at = nowMs - DAYS * DAY_MS + Math.floor((first / size) * DAYS * DAY_MS);
    batch.push(eventOf(at, count, (await tagger.tagsOf(names, at))!));
    if (batch.length < BATCH.eventsMax && first + count < size) continue;
    await takeEvents(db, batch, { nowMs, limits: BATCH });
    await mergeTags(db, nowMs);
    batch = [];
    progress(`${database}: ${first + count} of ${size} checks`);
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

/** Numbers of another series than all others. */
const reportedName = (index: number) => `UTOR${index}`;

const eventOf = (at: number, count: number, tags: string): CheckEvent => ({
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
  tags,
});
