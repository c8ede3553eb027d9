/** Central as a service: health, unknown addresses, and the command that starts and loads it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveConfig } from '../../central/config.ts';
import type { DatabaseLocation } from '../../central/database/database.ts';
import { loadRecords } from '../../central/load/load.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { record, SPECIMEN_KEY, stream } from './records.ts';
import { CENTRAL_JWK, centralWorld, EDGE_JWK, problemCode, question, TOKEN_JWK } from './world.ts';

const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));
const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** The command asks the real clock, so this is long ago. */
const AS_OF_MS = Date.UTC(2024, 0, 2);

const SETTINGS: Record<string, string> = {
  CENTRAL_SIGNING_KEY: JSON.stringify(CENTRAL_JWK),
  EDGE_KEYS: String(EDGE_JWK.x),
  TOKEN_KEYS: String(TOKEN_JWK.x),
  PORT: '0',
};

const databaseSettings = (location: DatabaseLocation): Record<string, string> =>
  'url' in location ? { DATABASE_URL: location.url } : { DATABASE_FILE: location.file };

/** The command with this environment and no other setting of ours. */
function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(child: ChildProcess) {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    texts.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    texts.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, ...texts };
}

const run = (args: string[], env: Record<string, string>) => finish(start(args, env));

describe.each(kinds)('central on $name', ({ create }) => {
  let database: TestDatabase;
  let folder: string;
  beforeEach(async () => {
    database = await create();
    folder = mkdtempSync(join(tmpdir(), 'sltd-central-export-'));
  });
  afterEach(async () => {
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is alive at once and ready once a list is loaded', async () => {
    const central = await centralWorld(database.db);
    expect((await central.request('/healthz')).status).toBe(200);
    const before = await central.request('/readyz');
    expect(before.status).toBe(503);
    expect(await problemCode(before)).toBe('edition-missing');
    await loadRecords(database.db, stream([record()]), { asOf: AS_OF_MS });
    const after = await central.request('/readyz');
    expect([after.status, await after.json()]).toEqual([200, { health: 'ready' }]);
  });

  it('is not ready when the database is gone, and still alive', async () => {
    const gone = await create();
    const central = await centralWorld(gone.db);
    await gone.remove();
    expect(await problemCode(await central.request('/readyz'))).toBe('central-unavailable');
    expect((await central.request('/healthz')).status).toBe(200);
  });

  it('knows no other address or method, and no answer may be kept', async () => {
    const central = await centralWorld(database.db);
    const get = await central.request('/v1/confirmations');
    expect([get.status, await problemCode(get)]).toEqual([405, 'method-not-allowed']);
    const post = await central.request('/healthz', { method: 'POST' });
    expect([post.status, await problemCode(post)]).toEqual([405, 'method-not-allowed']);
    for (const path of ['/', '/v1', '/v1/records/a/b', '/V1/confirmations']) {
      expect(await problemCode(await central.request(path))).toBe('not-found');
    }
    const alive = await central.request('/healthz');
    expect(alive.headers.get('cache-control')).toBe('no-store');
  });

  it('loads an export by command, answers over HTTP, and ends by SIGTERM', async () => {
    const file = join(folder, 'export.ndjson');
    const row = { number: 'L 898902 C3', state: 'Utopia', when: '2024-03-02', holder: 'SOMEONE' };
    writeFileSync(file, `${JSON.stringify(row)}\n`);
    const mapping = join(folder, 'mapping.json');
    writeFileSync(
      mapping,
      JSON.stringify({
        number: ['number'],
        columns: { reportedAt: ['when'] },
        constants: { state: 'UTO', type: 'PAS', category: 'stolen' },
      }),
    );
    const env = { ...SETTINGS, ...databaseSettings(database.location) };
    const loaded = await run(['load', '--mapping', mapping, file], env);
    expect(loaded.stderr).toBe('');
    expect(JSON.parse(loaded.stdout)).toEqual({
      asOf: '2024-03-02T00:00:00.000Z',
      readCount: 1,
      listedCount: 1,
      withdrawnCount: 0,
      contradictedCount: 0,
    });
    const rows = await database.db.selectFrom('records').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain('SOMEONE');

    const child = start(['serve'], env);
    const ended = finish(child);
    const [line] = await once(child.stdout!, 'data');
    const { port } = JSON.parse(String(line)) as { port: number };
    const url = `http://127.0.0.1:${port}`;
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(200);
    // Longer than the 60 s for which proxies keep an idle line.
    expect(ready.headers.get('keep-alive')).toBe('timeout=65');
    const asked = JSON.stringify(question([SPECIMEN_KEY]));
    const init = { method: 'POST', body: asked };
    expect((await fetch(`${url}/v1/confirmations`, init)).status).toBe(401);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    const events = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { event: string });
    expect(events.map(({ event }) => event)).toEqual(['start', 'request', 'request', 'stop']);
  });

  it('that cannot have its port ends with an error, its jobs with it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const env = { ...SETTINGS, ...databaseSettings(database.location), PORT: String(port) };
    const { code, stderr } = await run(['serve'], env);
    taken.close();
    expect([code, stderr]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });

  it('refuses an export by command and keeps the list', async () => {
    await loadRecords(database.db, stream([record()]), { asOf: AS_OF_MS });
    const file = join(folder, 'export.csv');
    writeFileSync(file, '');
    const env = databaseSettings(database.location);
    const refused = await run(['load', '--profile', 'sltd', '--as-of', '2024-01-03', file], env);
    expect([refused.code, refused.stdout]).toEqual([3, '']);
    expect(refused.stderr).toMatch(/^central: input-empty: /);
    const state = await database.db.selectFrom('data_state').selectAll().executeTakeFirst();
    expect(state).toMatchObject({ as_of: AS_OF_MS, record_count: 1 });
  });
});

describe('a setting that is not usable', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sltd-central-config-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'central.sqlite');
  const proper = { ...SETTINGS, DATABASE_FILE: file };
  const secret = String(CENTRAL_JWK.d);

  it.each<[string, Record<string, string>]>([
    ['CENTRAL_SIGNING_KEY is missing', { CENTRAL_SIGNING_KEY: '' }],
    ['CENTRAL_SIGNING_KEY is not usable', { CENTRAL_SIGNING_KEY: `{"d":"${secret}"` }],
    [
      'CENTRAL_SIGNING_KEY is not usable',
      { CENTRAL_SIGNING_KEY: JSON.stringify({ ...CENTRAL_JWK, x: EDGE_JWK.x }) },
    ],
    ['EDGE_KEYS is missing', { EDGE_KEYS: '' }],
    ['EDGE_KEYS is not usable', { EDGE_KEYS: 'AAAA' }],
    ['TOKEN_KEYS is missing', { TOKEN_KEYS: '' }],
    ['TOKEN_KEYS and EDGE_KEYS share a key', { TOKEN_KEYS: String(EDGE_JWK.x) }],
    ['WITHDRAWALS_PER_DAY is not a number', { WITHDRAWALS_PER_DAY: 'some' }],
    ['PORT is not a port', { PORT: '70000' }],
    ['DATABASE_URL and DATABASE_FILE', { DATABASE_URL: 'postgres://localhost/x' }],
    ['DATABASE_URL is not a postgres', { DATABASE_URL: 'mysql://u:p@h/x', DATABASE_FILE: '' }],
    ['DATABASE_FILE cannot be opened', { DATABASE_FILE: join(folder, 'no/such/folder/x') }],
  ])('ends the start with its name and not its value: %s', async (name, change) => {
    const { code, stdout, stderr } = await run(['serve'], { ...proper, ...change });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^central: config-invalid: .*\n$/);
    expect(stderr).toContain(name);
    for (const value of Object.values(change)) {
      if (value) expect(stderr).not.toContain(value);
    }
  });

  it.each<[string, string[]]>([
    ['no command', []],
    ['an unknown command', ['start']],
    ['no file', ['load', '--profile', 'sltd']],
    ['an unknown option', ['load', '--force', 'x']],
    ['an unknown profile', ['load', '--profile', 'nobody', 'x']],
    ['a time without a zone', ['load', '--profile', 'sltd', '--as-of', '2026-11-22T03:00', 'x']],
    ['a share that is none', ['load', '--profile', 'sltd', '--rejects-max', 'all', 'x']],
  ])('or option ends with 2: %s', async (_, args) => {
    const { code, stderr } = await run(args, proper);
    expect(code).toBe(2);
    expect(stderr.length).toBeGreaterThan(20);
  });

  it('explains itself', async () => {
    const { code, stdout } = await run(['load', '--help'], {});
    expect([code, stdout.startsWith('usage:')]).toEqual([0, true]);
  });

  it.each([
    ['SQLite', { DATABASE_FILE: 'one.sqlite' }, { DATABASE_FILE: 'other.sqlite' }],
    [
      'PostgreSQL',
      { DATABASE_URL: 'postgres://u:p@h/one' },
      { DATABASE_URL: 'postgres://u:p@h/other' },
    ],
  ])('or is not there leaves two databases on %s no folder in common', async (_, one, other) => {
    const foldersOf = async (location: Record<string, string>) => {
      const { attachments, sightingSpool } = await serveConfig({ ...SETTINGS, ...location });
      return [attachments.folder, sightingSpool.folder];
    };
    // Each sweeps up what it does not name, and stores what was left.
    const folders = [...(await foldersOf(one)), ...(await foldersOf(other))];
    expect(new Set(folders).size).toBe(4);
    expect(folders.join()).not.toContain('u:p');
  });

  it('keeps the database file from other users', async () => {
    await run(['load', '--profile', 'sltd', join(folder, 'none.csv')], proper);
    expect(statSync(file).mode & 0o077).toBe(0);
  });
});
