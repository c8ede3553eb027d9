/**
 * Central loads the whole list within its hour, and answers 1,000 questions a second while it holds it.
 *
 * An export of a quarter, half and all of the size is loaded into an empty database of each kind, so
 * that the curve can be followed to 150 M records: time = a * size ^ b with b from the last doubling,
 * never below 1. Then the real service, as a process of its own on SQLite, is asked at a fixed rate;
 * a latency counts from the moment at which the question was due, so that a queue is not forgotten.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { loadExport } from '../../central/load/load.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { Progress } from '../../data-build/progress.ts';
import { CENTRAL_JWK, EDGE_JWK, edgeToken, question, TOKEN_JWK } from '../central/world.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { type Proof, type ProofRun, randomSource } from './proof.ts';

const WHOLE_LIST = 150_000_000;
const HOUR_SECONDS = 3_600;
const P99_MAX_MS = 5;
/** Below this, seconds say nothing about a large list. */
const TIMED_FROM = 1_000_000;
const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));

export const centralLoad: Proof = {
  name: 'central-load',
  claim:
    '150 M records load into PostgreSQL within an hour; SQLite answers 1,000 questions a second, p99 below 5 ms',
  sizes: { full: 10_000_000, small: 2_000, unit: 'rows of the export' },
  async run(run) {
    const { kinds, stop } = await databaseKinds();
    try {
      const isTimed = run.size >= TIMED_FROM;
      const seconds: Record<string, number> = {};
      let isWhole = true;
      let asked: Asked | undefined;
      for (const kind of kinds) {
        const curve = await loadCurve(kind, run);
        isWhole &&= curve.isWhole;
        try {
          seconds[`${kind.name} at ${run.size}`] = round(curve.seconds);
          seconds[`${kind.name} at ${run.size}, the next day`] = round(curve.nextDaySeconds);
          if (isTimed) seconds[`${kind.name} at 150 M`] = round(curve.wholeSeconds);
          if (kind.name === 'SQLite') asked = await askMany(curve.database, run);
        } finally {
          await curve.database.remove();
        }
      }
      const postgres = seconds['PostgreSQL at 150 M'];
      const inTime = postgres !== undefined && postgres <= HOUR_SECONDS;
      const isQuick = asked !== undefined && asked.p99Ms < P99_MAX_MS;
      return {
        holds: isWhole && asked?.wrong === 0 && (!isTimed || (inTime && isQuick)),
        figure:
          `${Object.entries(seconds)
            .map(([what, time]) => `${what}: ${time} s`)
            .join(', ')}; ` +
          `${asked?.count} questions at ${asked?.rate}/s on SQLite: p50 ${asked?.p50Ms} ms, ` +
          `p99 ${asked?.p99Ms} ms, ${asked?.wrong} wrong`,
        details: { ...seconds, ...asked, isWhole },
      };
    } finally {
      await stop();
    }
  },
};

interface Curve {
  database: TestDatabase;
  /** Of the largest load. */
  seconds: number;
  nextDaySeconds: number;
  wholeSeconds: number;
  /** Every accepted row is listed. */
  isWhole: boolean;
}

async function loadCurve(kind: DatabaseKind, run: ProofRun): Promise<Curve> {
  const times: number[] = [];
  for (const part of [4, 2, 1]) {
    const rowCount = Math.round(run.size / part);
    const file = await exportOf(rowCount, run);
    const database = await kind.create();
    const load = async (asOf: number) => {
      const startedMs = performance.now();
      const result = await loadExport(database.db, { files: [file], profile: 'sltd', asOf });
      return { ...result, seconds: (performance.now() - startedMs) / 1000 };
    };
    const { seconds, readCount, listedCount } = await load(Date.UTC(2026, 0, 1));
    times.push(seconds);
    run.progress(`${kind.name}: ${rowCount} rows, ${round(seconds)} s`);
    if (part > 1) {
      await database.remove();
      continue;
    }
    const { count } = await database.db
      .selectFrom('records')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    const next = await load(Date.UTC(2026, 0, 2));
    const exponent = Math.max(1, Math.log2(seconds / (times.at(-2) ?? seconds)));
    return {
      ...{ database, seconds, nextDaySeconds: next.seconds },
      wholeSeconds: seconds * (WHOLE_LIST / rowCount) ** exponent,
      isWhole: count === listedCount && readCount >= rowCount && next.listedCount === listedCount,
    };
  }
  throw new Error('the last part is the whole');
}

async function exportOf(rowCount: number, { seed, workDir }: ProofRun): Promise<string> {
  const path = join(workDir, `export-${rowCount}.csv`);
  const options = { rowCount, seed, path, format: 'csv', malformedCount: 0 } as const;
  await generateExport({ ...options, progress: new Progress(undefined) });
  return path;
}

interface Asked {
  count: number;
  rate: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers that were none, or said of a listed key that it is not, or the other way round. */
  wrong: number;
}

/** Ask the service at a fixed rate; half of the keys are listed. */
async function askMany(database: TestDatabase, run: ProofRun): Promise<Asked> {
  const isTimed = run.size >= TIMED_FROM;
  const { rate, count } = isTimed ? { rate: 1_000, count: 20_000 } : { rate: 100, count: 100 };
  const listed = await listedKeys(database, run.seed);
  const child = startService(database);
  const [line] = await once(child.stdout!, 'data');
  // Its log is read, or the service would wait for the pipe.
  child.stdout?.resume();
  const { port } = JSON.parse(String(line)) as { port: number };
  const token = await edgeToken({ lifetimeSeconds: 60, nowMs: Date.now() });
  const latencies: number[] = [];
  let wrong = 0;
  const ask = async (i: number, dueMs: number) => {
    const key = i % 2 === 0 ? listed[i % listed.length]! : `PUTOQ${i}`;
    const response = await fetch(`http://127.0.0.1:${port}/v1/confirmations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(question([key])),
    }).catch(() => undefined);
    const text = response?.ok ? ((await response.json()) as { answer: string }).answer : '';
    latencies.push(performance.now() - dueMs);
    const payload = Buffer.from(text.split('.')[1] ?? '', 'base64url').toString();
    if (!payload.includes(`"listed":${i % 2 === 0}`)) wrong++;
  };
  try {
    // The first ones run in the baseline compiler, and every connection is new.
    for (let i = 0; i < 200; i++) await ask(i, performance.now());
    latencies.length = 0;
    const startedMs = performance.now();
    const answers: Promise<void>[] = [];
    for (let i = 0; i < count; ) {
      const due = Math.min(count, ((performance.now() - startedMs) * rate) / 1000);
      for (; i < due; i++) answers.push(ask(i, startedMs + (i * 1000) / rate));
      await sleep(1);
    }
    await Promise.all(answers);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number) => round(latencies[Math.floor(latencies.length * share)] ?? 0);
  return { count, rate, p50Ms: at(0.5), p99Ms: at(0.99), wrong };
}

/** Some thousand keys from all over the list. */
async function listedKeys({ db }: TestDatabase, seed: number): Promise<string[]> {
  const { below } = randomSource(seed);
  const { rows: counted } = await sql<{ last: number }>`
    select max(rowid) as last from record_keys`.execute(db);
  const places = Array.from({ length: 5_000 }, () => 1 + below(counted[0]?.last ?? 0));
  const { rows } = await sql<{ key: string }>`
    select key from record_keys where rowid in (${sql.join(places)})`.execute(db);
  return rows.map(({ key }) => key);
}

function startService({ location }: TestDatabase): ChildProcess {
  if ('url' in location) throw new Error('the service is asked on SQLite');
  return spawn(process.execPath, [MAIN, 'serve'], {
    env: {
      PATH: process.env.PATH,
      DATABASE_FILE: location.file,
      CENTRAL_SIGNING_KEY: JSON.stringify(CENTRAL_JWK),
      EDGE_KEYS: String(EDGE_JWK.x),
      TOKEN_KEYS: String(TOKEN_JWK.x),
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const round = (value: number): number => Number(value.toPrecision(3));
