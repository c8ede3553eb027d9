/**
 * Central loads the whole list within its hour, and answers 1,000 questions a second while it holds it.
 *
 * An export of a quarter, half and all of the size is loaded into an empty database, so that the curve
 * can be followed to 150 M records: time = a * size ^ b with b from the last doubling, never below 1. Then the real service, as a process of its own on SQLite, is asked at a fixed rate.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { loadExport } from '../../central/load/load.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { Progress } from '../../data-build/progress.ts';
import { CENTRAL_JWK, EDGE_JWK, edgeToken, question, TOKEN_JWK } from '../central/world.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../support/postgres.ts';
import type { ConfirmationAnswer } from '../../src/format/confirmation.ts';
import { askAtRate, jsonOf } from './fixed-rate.ts';
import { type Proof, type ProofRun, randomSource } from './proof.ts';

const WHOLE_LIST = 150_000_000;
const HOUR_SECONDS = 3_600;
const P99_MAX_MS = 5;
/** Below this, seconds say nothing about a large list. */
const TIMED_FROM = 1_000_000;
const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));
const BARE = fileURLToPath(new URL('./bare-service.ts', import.meta.url));

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
          const { nextDaySeconds, wholeSeconds, wholeNextDaySeconds } = curve;
          const note = (what: string, time: number | undefined) => {
            if (time !== undefined) seconds[`${kind.name} at ${what}`] = round(time);
          };
          note(`${run.size}`, curve.seconds);
          note(`${run.size}, the next day`, nextDaySeconds);
          if (isTimed) note('150 M', wholeSeconds);
          if (isTimed) note('150 M, the next day', wholeNextDaySeconds);
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
          `p99 ${asked?.p99Ms} ms (${asked?.bareP99Ms} for two signatures and one look-up), ${asked?.wrong} wrong`,
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
  /** Of the same export, a day later. */
  nextDaySeconds?: number;
  /** Both for 150 M rows, along the curve. */
  wholeSeconds?: number;
  wholeNextDaySeconds?: number;
  /** Every accepted row is listed. */
  isWhole: boolean;
}

async function loadCurve(kind: DatabaseKind, run: ProofRun): Promise<Curve> {
  // The hour is PostgreSQL's; of SQLite one large load is enough.
  const isFollowed = kind.name === 'PostgreSQL' || run.size < TIMED_FROM;
  const times: number[] = [];
  for (const part of isFollowed ? [4, 2, 1] : [1]) {
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
    const isWhole = count === listedCount && readCount >= rowCount;
    if (!isFollowed) return { database, seconds, isWhole };
    const next = await load(Date.UTC(2026, 0, 2));
    const exponent = Math.max(1, Math.log2(seconds / (times.at(-2) ?? seconds)));
    const inWhole = (part: number) => round(part * (WHOLE_LIST / rowCount) ** exponent);
    return {
      ...{ database, seconds, nextDaySeconds: next.seconds },
      wholeSeconds: inWhole(seconds),
      wholeNextDaySeconds: inWhole(next.seconds),
      isWhole: isWhole && next.listedCount === listedCount,
    };
  }
  throw new Error('the last part is the whole');
}

/** Both kinds of database load the same file. */
async function exportOf(rowCount: number, { seed, workDir }: ProofRun): Promise<string> {
  const path = join(workDir, `export-${rowCount}.csv`);
  if (existsSync(path)) return path;
  const options = { rowCount, seed, path, format: 'csv', malformedCount: 0 } as const;
  await generateExport({ ...options, progress: new Progress(undefined) });
  return path;
}

interface Answers {
  p50Ms: number;
  p99Ms: number;
  /** Answers that were none, or said of a listed key that it is not, or the other way round. */
  wrong: number;
}

interface Asked extends Answers {
  count: number;
  rate: number;
  /** What the least costs here: bare-service.ts, asked in the same way. */
  bareP99Ms: number;
}

/**
 * Ask the service at a fixed rate; half of the keys are listed, and one question in a hundred is a hit at
 * a desk, which is written down and opens or joins a case.
 */
async function askMany(database: TestDatabase, run: ProofRun): Promise<Asked> {
  const isTimed = run.size >= TIMED_FROM;
  // The first seconds pass in the interpreter and with the compilers, which take a core of their own.
  const { rate, count, warmUp } = isTimed
    ? { rate: 1_000, count: 20_000, warmUp: 15_000 }
    : { rate: 100, count: 100, warmUp: 0 };
  const listed = await listedKeys(database, run.seed);
  const isListed = (i: number) => i % 2 === 0;
  const ask = async (script: string, args: readonly string[]): Promise<Answers> => {
    // One token is one minute.
    const token = await edgeToken({ lifetimeSeconds: 60, nowMs: Date.now() });
    const requests = Array.from({ length: warmUp + count }, (_, i) => {
      const key = isListed(i) ? listed[i % listed.length]! : `PUTOQ${i}`;
      const encounter = i % 100 === 0 ? { encounter: { exact: [0], purpose: 'border' } } : {};
      return requestOf(token, question([key], encounter));
    });
    const { port, stop } = await startProcess(script, args, database);
    try {
      const { latenciesMs, answers } = await askAtRate(port, rate, requests);
      const wrong = answers.filter((answer, i) => listedOf(answer) !== isListed(i)).length;
      const sorted = latenciesMs.slice(warmUp).sort();
      const at = (share: number) => round(sorted[Math.floor(sorted.length * share)] ?? 0);
      return { p50Ms: at(0.5), p99Ms: at(0.99), wrong };
    } finally {
      await stop();
    }
  };
  const { p99Ms: bareP99Ms } = await ask(BARE, []);
  return { count, rate, bareP99Ms, ...(await ask(MAIN, ['serve'])) };
}

function requestOf(token: string, body: object): Buffer {
  const text = JSON.stringify(body);
  const head = [
    'POST /v1/confirmations HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`);
}

/** What the signed answer says of the one key; undefined if there is none. */
function listedOf(answer: string): boolean | undefined {
  const jws = (jsonOf(answer) as { answer: string } | undefined)?.answer;
  if (jws === undefined) return undefined;
  const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(payload) as ConfirmationAnswer).results[0]?.listed;
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

async function startProcess(
  script: string,
  args: readonly string[],
  { location }: TestDatabase,
): Promise<{ port: number; stop(): Promise<void> }> {
  if ('url' in location) throw new Error('the service is asked on SQLite');
  const child = spawn(process.execPath, [script, ...args], {
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
  const [line] = await once(child.stdout, 'data');
  // Its log is read, or the service would wait for the pipe.
  child.stdout.resume();
  return {
    port: (JSON.parse(String(line)) as { port: number }).port,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

const round = (value: number): number => Number(value.toPrecision(3));
