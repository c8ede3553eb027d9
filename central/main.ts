#!/usr/bin/env node
/**
 * The central service as a command: `serve` answers the edge and bureaus, `load` replaces the list,
 * `overlay` publishes what bureaus report.
 *
 * All bring the schema up to date first. Exit codes: 0 done, 1 failed, 2 bad usage or settings,
 * 3 the export was refused. Settings: docs/operations.md.
 */

import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { serve } from '@hono/node-server';
import { parseStateCode } from '../src/document/issuing-state.ts';
import { SltdError } from '../src/errors.ts';
import { openStore } from '../publish/open-store.ts';
import { createCentral, liveCasesOf, recorder } from './app.ts';
import { verifyChains } from './check-events/audit-chain.ts';
import { ingestFiles } from './check-events/ingest-files.ts';
import {
  checkpointKeys,
  databaseLocation,
  overlayConfig,
  type ServeConfig,
  serveConfig,
  simulatorConfig,
} from './config.ts';
import { openDatabase, openForService } from './database/database.ts';
import { migrate } from './database/migrations.ts';
import type { CentralDatabase } from './database/schema.ts';
import { traceError, writeLogLine } from './http/request-log.ts';
import { JobsThread } from './jobs-thread.ts';
import { loadExport } from './load/load.ts';
import { exportOperations } from './overlay/export-operations.ts';
import { OverlayPublisher } from './overlay/publisher.ts';
import { runPublisher } from './overlay/run-publisher.ts';
import { exportRestrictions } from './restrictions/export-restrictions.ts';
import { claimCollection } from './training/database.ts';
import { bureauToken, startSimulator } from './training/simulator.ts';

const USAGE = `usage: node central/main.ts serve
       node central/main.ts ingest FILE...
       node central/main.ts verify-audit
       node central/main.ts load (--profile NAME | --mapping FILE) [options] FILE...
       node central/main.ts overlay
       node central/main.ts operations TIME FILE
       node central/main.ts restrictions FILE
       node central/main.ts simulate-bureaus STATE...

serve   answer the edge; CENTRAL_SIGNING_KEY, EDGE_KEYS, PORT (8788), HOST (127.0.0.1)
overlay publish what bureaus report to the edition store, every few seconds; EDITION_STORE,
        OVERLAY_SIGNING_KEY, HEAD_SIGNING_KEY, OVERLAY_KEYS, HEAD_KEYS, EDITION_KEYS, EPOCH_KEYS
operations
        write what bureaus changed since TIME to a new FILE, for sltd build --operations
restrictions
        write who sees no records of whom to FILE, for sltd build --restrictions
load    replace the list by an export, all at once
  --as-of TIME         the export is complete up to here: 2026-11-22 or 2026-11-22T03:00:00Z;
                       by default the newest date of report in it
  --collection NAME    name of the list (sltd)
  --allow-older        accept an export that is older than what is loaded
  --accept-shrink      accept a list that is more than 1 % smaller, or 5 % in a state
  --rejects FILE       write where rows were rejected, and why
  --rejects-max N      rejected rows allowed, in percent (0.01)
simulate-bureaus
        play the bureaus of these states in a training: take webhooks, acknowledge, answer, close;
        CENTRAL_URL, TOKEN_SIGNING_KEY
ingest        take the check events of log files (NDJSON or trace records, plain or gzip); once each
verify-audit  go along the audit chains and their checkpoints; CENTRAL_SIGNING_KEY

Database: DATABASE_URL (PostgreSQL) or DATABASE_FILE (SQLite; .sltd/central.sqlite)
`;

const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than a proxy keeps an idle line (60 s), or it would ask on one that is just being closed. */
const KEEP_ALIVE_MS = 65_000;
/** Requests under way may end within this after a signal. */
const SHUTDOWN_MS = 10_000;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'serve' && rest.length === 0) return serveCentral();
  if (command === 'overlay' && rest.length === 0) return publishOverlays();
  if (command === 'operations' && rest.length === 2) return writeOperations(rest[0]!, rest[1]!);
  if (command === 'restrictions' && rest.length === 1) return writeRestrictions(rest[0]!);
  if (command === 'load' && !rest.includes('--help')) return loadCentral(rest);
  if (command === 'ingest' && rest.length > 0 && !rest.includes('--help')) return ingest(rest);
  if (command === 'verify-audit' && rest.length === 0) return verifyAudit();
  if (command === 'simulate-bureaus' && rest.length > 0) return simulateBureaus(rest);
  const isHelp = command === '--help' || (command === 'load' && rest.includes('--help'));
  (isHelp ? process.stdout : process.stderr).write(USAGE);
  return isHelp ? 0 : 2;
}

async function serveCentral(): Promise<number> {
  const config = await serveConfig(process.env);
  const location = databaseLocation(process.env);
  await withDatabase(
    () => openDatabase(location),
    async (db) => {
      await migrate(db);
      if (config.collection !== undefined) await claimCollection(db, config.collection);
    },
  );
  return withDatabase(
    () => openForService(location),
    (db) => withJobs((jobs) => answer(config, db, jobs)),
  );
}

/** Answers until a signal comes, then lets requests and jobs come to their end. */
async function answer(config: ServeConfig, db: CentralDatabase, jobs: JobsThread): Promise<number> {
  const sightings = recorder({ store: jobs.store, ...config }, Date.now, writeLogLine);
  await sightings.recover();
  const liveCases = liveCasesOf(db, Date.now, writeLogLine);
  const app = createCentral({ db, ...config, sightings, liveCases });
  const signal = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const server = serve({
    fetch: app.fetch,
    hostname: config.host,
    port: config.port,
    serverOptions: { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
  });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  writeLogLine({ time: new Date().toISOString(), event: 'start', port });
  const failure = await Promise.race([signal, jobs.failed]).then(
    () => {},
    (error) => ({ error }),
  );
  const halted = jobs.halt();
  liveCases.close();
  const closed = once(server, 'close');
  server.close();
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  const cut = setTimeout(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
  }, SHUTDOWN_MS);
  await closed;
  clearTimeout(cut);
  await halted;
  await sightings.stop();
  // The service that has no jobs any more must be started again by whoever looks after it.
  if (failure) throw failure.error;
  writeLogLine({ time: new Date().toISOString(), event: 'stop' });
  return 0;
}

async function withJobs<T>(use: (jobs: JobsThread) => Promise<T>): Promise<T> {
  const jobs = new JobsThread();
  try {
    return await use(jobs);
  } finally {
    await jobs.end();
  }
}

async function simulateBureaus(states: readonly string[]): Promise<number> {
  const { tokenKey, ...config } = await simulatorConfig(process.env);
  if (!states.every((state) => parseStateCode(state) === state)) {
    throw new SltdError('config-invalid', { detail: 'a state is not known' });
  }
  const signal = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const log = (line: object) =>
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
  const tokenOf = (tenant: string) => bureauToken(tokenKey, tenant);
  const simulator = await startSimulator({ ...config, states, tokenOf, log });
  await signal;
  await simulator.stop();
  return 0;
}

async function writeOperations(since: string, path: string): Promise<number> {
  const sinceMs = timeOf(since)!;
  return withDatabase(
    () => openDatabase(databaseLocation(process.env)),
    async (db) => {
      await migrate(db);
      const operations = await exportOperations(db, { sinceMs, path });
      process.stdout.write(`${JSON.stringify({ operations })}\n`);
      return 0;
    },
  );
}

async function writeRestrictions(path: string): Promise<number> {
  return withDatabase(
    () => openDatabase(databaseLocation(process.env)),
    async (db) => {
      await migrate(db);
      const restrictions = await exportRestrictions(db, path);
      process.stdout.write(`${JSON.stringify({ restrictions })}\n`);
      return 0;
    },
  );
}

async function ingest(files: readonly string[]): Promise<number> {
  const location = databaseLocation(process.env);
  return withDatabase(
    () => openDatabase(location),
    async (db) => {
      await migrate(db);
      process.stdout.write(`${JSON.stringify(await ingestFiles(db, files))}\n`);
      return 0;
    },
  );
}

async function publishOverlays(): Promise<number> {
  const { location, headKey, headKeys, pollMs, intervalMs, ...config } = await overlayConfig(
    process.env,
  );
  const store = openStore(location, process.env);
  const database = databaseLocation(process.env);
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const open = () => openForService(database);
  const prepare = async () => {
    await store.prepare();
    await withDatabase(() => openDatabase(database), migrate);
  };
  return withDatabase(open, async (db) => {
    const headSigner = { key: headKey, trusted: headKeys };
    const publisher = new OverlayPublisher({ ...config, db, store, headSigner, clock: Date.now });
    const log = (line: object) =>
      process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
    log({ event: 'start' });
    await runPublisher({
      ...{ db, publisher, prepare, pollMs, intervalMs, signal: interrupt.signal },
      onTick: (outcome) =>
        typeof outcome === 'string'
          ? log({ event: 'overlay', outcome })
          : log({ event: 'overlay', outcome: 'failed', ...failureOf(outcome) }),
    });
    log({ event: 'stop' });
    return 0;
  });
}

/** The code, and the trace of what was not expected: messages may hold data. */
function failureOf({ failure, error }: { failure: string; error: unknown }): object {
  const detail = error instanceof SltdError ? error.detail : undefined;
  return { code: failure, detail, ...(failure === 'internal' ? { error: traceError(error) } : {}) };
}

/** 0 if every chain holds, else 1. */
async function verifyAudit(): Promise<number> {
  const keys = await checkpointKeys(process.env);
  const location = databaseLocation(process.env);
  return withDatabase(
    () => openDatabase(location),
    async (db) => {
      const report = await verifyChains(db, keys);
      process.stdout.write(`${JSON.stringify(report)}\n`);
      return report.broken.length === 0 ? 0 : 1;
    },
  );
}

async function loadCentral(args: string[]): Promise<number> {
  const { values, positionals: files } = parseLoadArgs(args);
  if (files.length === 0) throw new SltdError('config-invalid', { detail: 'no file is named' });
  const location = databaseLocation(process.env);
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  return withDatabase(
    () => openDatabase(location),
    async (db) => {
      await migrate(db);
      const { asOf, ...counts } = await loadExport(db, {
        files,
        profile: values.profile,
        mapping: values.mapping,
        asOf: timeOf(values['as-of']),
        collection: values.collection,
        allowOlder: values['allow-older'],
        acceptShrink: values['accept-shrink'],
        rejectsPath: values.rejects,
        rejectsMaxPercent: percentOf(values['rejects-max']),
        signal: interrupt.signal,
      });
      process.stdout.write(
        `${JSON.stringify({ asOf: new Date(asOf).toISOString(), ...counts })}\n`,
      );
      return 0;
    },
  );
}

function parseLoadArgs(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        profile: text,
        mapping: text,
        'as-of': text,
        collection: text,
        'allow-older': { type: 'boolean' },
        'accept-shrink': { type: 'boolean' },
        rejects: text,
        'rejects-max': text,
      },
    });
  } catch {
    throw new SltdError('config-invalid', { detail: 'an option is not known, see --help' });
  }
}

async function withDatabase<T>(
  open: () => CentralDatabase,
  use: (db: CentralDatabase) => Promise<T>,
): Promise<T> {
  const db = open();
  try {
    return await use(db);
  } finally {
    await db.destroy();
  }
}

/** A time with its zone; a day is its midnight in UTC. A time without a zone would be a guess. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isForm = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = isForm ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new SltdError('config-invalid', { detail: 'not an ISO 8601 time with zone' });
  }
  return time;
}

function percentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const percent = text.trim() === '' ? Number.NaN : Number(text);
  if (!(percent >= 0 && percent <= 100)) {
    throw new SltdError('config-invalid', { detail: '--rejects-max is not a percentage' });
  }
  return percent;
}

/** Code and message where the error is one of ours; else its trace, since messages may hold data. */
function report(error: unknown): number {
  if (!(error instanceof SltdError)) {
    const isAbort = error instanceof Error && error.name === 'AbortError';
    const text = isAbort ? 'interrupted' : JSON.stringify(traceError(error));
    process.stderr.write(`central: ${text}\n`);
    return isAbort ? 130 : 1;
  }
  // ECONNREFUSED, SQLITE_BUSY and the like say what to look at, and hold no data.
  const cause = traceError(error.cause).code;
  process.stderr.write(`central: ${error.code}: ${error.message}${cause ? ` [${cause}]` : ''}\n`);
  if (error.code === 'config-invalid') return 2;
  return error.code.startsWith('input-') || error.code === 'list-shrinks' ? 3 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(report);
