/**
 * A second list the whole way, as docs/operations.md has it ("A further collection"): keys, edition, central and
 * overlay publisher of its own, below its name in the bucket of the first one; one edge that asks both. All of them
 * are processes, the edge is the Worker over its R2 binding.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CENTRAL_SETTINGS,
  EDGE_SETTINGS,
  PUBLISHER_SETTINGS,
  settingValues,
} from '../../data-build/keys/key-settings.ts';
import { type KeysFile, readKeys } from '../../data-build/keys/keys.ts';
import { issueToken } from '../../data-build/keys/token.ts';
import { build, ROOT, sltd, sltdCsv, workspace } from '../data-build/workspace.ts';
import { type R2Server, startR2Server } from '../support/r2-server.ts';

const NATIONAL = 'national-UTO';
const BOTH = ['sltd', NATIONAL];
const AS_OF = '2026-01-01T03:00:00Z';
const START_MS = 300_000;
/** The edge looks every second; the machine may be busy. */
const FOLLOW_MS = 60_000;

const space = workspace();
const children: ChildProcess[] = [];
const urls: Record<string, string> = {};
let national: KeysFile;
let r2: R2Server | undefined;

const keysPathOf = (name: string) =>
  name === 'sltd' ? space.keysPath : space.path('national.keys');
const keysOf = (name: string) => (name === 'sltd' ? space.keys : national);
const exportOf = (name: string, number: string) =>
  space.write(`${name}.csv`, sltdCsv(`UTO,PAS,${number},,,stolen`));

async function command(...args: string[]): Promise<void> {
  const { code, stderr } = await sltd(args);
  expect(code, stderr).toBe(0);
}

/** Central's command for a list, with the settings that an operator gives it. */
function central(name: string, args: string[], settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['central/main.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...{ PATH: process.env.PATH, COLLECTION: name, PORT: '0', ...r2?.environment },
      ...{ DATABASE_FILE: space.path(`${name}.sqlite`), CARD_STORE: space.path(`${name}-cards`) },
      ...settings,
    },
  });
  children.push(child);
  return child;
}

async function startCentral(name: string, file: string): Promise<void> {
  const input = ['--collection', name, '--profile', 'sltd', '--as-of', AS_OF, file];
  expect(await once(central(name, ['load', ...input]), 'close')).toEqual([0, null]);
  const child = central(name, ['serve'], {
    ...settingValues(CENTRAL_SETTINGS, keysOf(name)),
    // One edge asks both, and makes the tags.
    ...{ EDGE_KEYS: space.keys.edge.x!, TAG_KEY: EDGE_SETTINGS.TAG_KEY.of(space.keys) },
    ATTACHMENTS_DIR: space.path(`${name}-attachments`),
  });
  const [line] = await once(child.stdout!, 'data');
  child.stdout!.resume();
  urls[name] = `http://127.0.0.1:${(JSON.parse(String(line)) as { port: number }).port}`;
}

/** Builds and publishes an edition, then its overlays; `proof` as `sltd publish` takes it. */
async function publish(name: string, file: string, location: string, proof: string[]) {
  const outDir = space.path(`${name}-editions`);
  const keys = ['--keys', keysPathOf(name)];
  const list = { collection: name, keys: keysOf(name), asOf: Date.parse(AS_OF) };
  await build(space, { ...list, files: [file], outDir });
  await command('publish', outDir, ...proof, ...keys, '--to', location);
  central(name, ['overlay'], {
    ...{ EDITION_STORE: location, ...settingValues(PUBLISHER_SETTINGS, keysOf(name)) },
  }).stdout!.resume();
}

beforeAll(async () => {
  await command('keys', '--out', keysPathOf(NATIONAL));
  national = readKeys(keysPathOf(NATIONAL));
  const first = exportOf('sltd', 'A1000001');
  const second = exportOf(NATIONAL, 'N7000001');
  await startCentral('sltd', first);
  await startCentral(NATIONAL, second);
  const edge = settingValues(EDGE_SETTINGS, space.keys);
  const { EPOCH_KEYS, EDITION_KEYS, OVERLAY_KEYS, HEAD_KEYS, CENTRAL_KEYS } = settingValues(
    EDGE_SETTINGS,
    national,
  );
  const own = { EDITION_KEYS, OVERLAY_KEYS, HEAD_KEYS, CENTRAL_KEYS, CENTRAL_URL: urls[NATIONAL] };
  r2 = await startR2Server(space.dir, {
    ...edge,
    ...{ COLLECTION: 'sltd', CENTRAL_URL: urls.sltd!, POLL_SECONDS: '1' },
    EPOCH_KEYS: `${edge.EPOCH_KEYS},${EPOCH_KEYS}`,
    COLLECTIONS: JSON.stringify({ [NATIONAL]: own }),
    ...{ FILTER_ARENA_BYTES: '1048576', MATCH_ARENA_BYTES: '1048576' },
  });
  // The command line tool takes them from here.
  Object.assign(process.env, r2.environment);
  await publish('sltd', first, r2.location, ['--hashes-only']);
  const proof = [second, '--profile', 'sltd'];
  await publish(NATIONAL, second, `${r2.location}/${NATIONAL}`, proof);
}, START_MS);
afterAll(async () => {
  for (const child of children.filter(({ exitCode }) => exitCode === null)) {
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
  }
  await r2?.close();
}, START_MS);

interface Listed {
  collection: string;
  status: string;
  edition?: string;
}
interface Answer {
  collections: Listed[];
  results: (Listed & { collections: Listed[] })[];
}

const edgeToken = (collections: readonly string[]) =>
  issueToken(space.keys, { role: 'officer', tenant: 'BORDER-UTO', site: 'desk-1', collections });

const documentsOf = (numbers: readonly string[]) =>
  numbers.map((number) => ({ number, issuingState: 'UTO', documentClass: 'passport' }));

/** The answer to a batch of passports of Utopia. */
async function ask(collections: readonly string[], ...numbers: string[]): Promise<Answer> {
  const response = await fetch(`${r2!.url}/v1/checks`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await edgeToken(collections)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ documents: documentsOf(numbers) }),
  });
  return (await response.json()) as Answer;
}

/** What each list says of each document. */
const said = ({ results }: Answer) =>
  results?.map(({ collections }) => collections.map(({ status }) => status));

/** Asks until the answer of each list is this one. */
const becomes = (expected: string[][], ...numbers: string[]) =>
  expect
    .poll(async () => said(await ask(BOTH, ...numbers)), { timeout: FOLLOW_MS })
    .toEqual(expected);

interface Writer {
  role?: 'ncb' | 'data-operator' | 'officer';
  tenant?: string;
  collections?: readonly string[];
  keys?: KeysFile;
}

/** Reports to a central; by default as the bureau that owns the national list. */
async function report(
  documentNumber: string,
  { role = 'ncb', tenant = 'NCB-UTO', collections = [NATIONAL], keys = national }: Writer = {},
  name = NATIONAL,
) {
  const claims = { role, tenant, site: 'registry', audience: 'central', collections } as const;
  const authorization = `Bearer ${await issueToken(keys, claims)}`;
  const response = await fetch(`${urls[name]}/v1/records`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ issuingState: 'UTO', documentNumber, documentType: 'PAS', category: 'stolen' },
    }),
  });
  return { http: response.status, body: (await response.json()) as { operationSequence: number } };
}

/** The numbers of its records, as the bureau reads them at the central of its own list. */
async function listed(): Promise<string[]> {
  const claims = { role: 'ncb', tenant: 'NCB-UTO', site: 'registry', audience: 'central' } as const;
  const token = await issueToken(national, { ...claims, collections: [NATIONAL] });
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${urls[NATIONAL]}/v1/records`, { headers });
  const { items } = (await response.json()) as { items: { documentNumber: string }[] };
  return items.map(({ documentNumber }) => documentNumber).sort();
}

describe('a national list beside the first one', { timeout: 2 * FOLLOW_MS }, () => {
  it('answers a batch with it, each from its own edition and its own central', async () => {
    const expected = [
      ['hit', 'clear'],
      ['clear', 'hit'],
      ['clear', 'clear'],
    ];
    await becomes(expected, 'A1000001', 'N7000001', 'X4477123');
    const { collections, results } = await ask(BOTH, 'A1000001', 'N7000001', 'X4477123');
    expect(collections.map(({ collection }) => collection)).toEqual(BOTH);
    expect(new Set(collections.map(({ edition }) => edition)).size).toBe(2);
    expect(results.map(({ status }) => status)).toEqual(['hit', 'hit', 'clear']);
  });

  it('has what its bureau reports, by a person or a system, and the first list has not', async () => {
    await becomes(Array(2).fill(['clear', 'clear']), 'R5550001', 'R5550002');
    expect(await report('R5550001')).toMatchObject({ http: 201, body: { operationSequence: 1 } });
    expect((await report('R5550002', { role: 'data-operator' })).http).toBe(201);
    await becomes(Array(2).fill(['clear', 'hit']), 'R5550001', 'R5550002');
  });

  it('is nothing that a token without it learns of', async () => {
    const numbers = ['N7000001', 'R5550001', 'R5550002'];
    const answer = await ask(['sltd'], ...numbers);
    expect(answer.collections.map(({ collection }) => collection)).toEqual(['sltd']);
    expect(answer.results.map(({ status }) => status)).toEqual(numbers.map(() => 'clear'));
    const authorization = `Bearer ${await edgeToken(['sltd'])}`;
    const response = await fetch(`${r2!.url}/v1/editions`, { headers: { authorization } });
    const editions = await response.text();
    expect(editions).toContain('"sltd"');
    for (const text of [JSON.stringify(answer), editions]) expect(text).not.toContain('national');
  });

  it.each<[string, number, () => Writer]>([
    ['the bureau of another state', 403, () => ({ tenant: 'NCB-D' })],
    ['a system of another bureau', 403, () => ({ tenant: 'NCB-D', role: 'data-operator' })],
    ['an agency of the same state', 403, () => ({ tenant: 'BORDER-UTO' })],
    ['an officer of the bureau', 403, () => ({ role: 'officer' })],
    ['a token of the bureau for the first list alone', 401, () => ({ collections: ['sltd'] })],
    ['a token signed for the first list', 401, () => ({ keys: space.keys })],
  ])('is not written to by %s', async (_, http, writer) => {
    const before = await listed();
    expect((await report('W6660001', writer())).http).toBe(http);
    expect(before).toContain('N7000001');
    expect(await listed()).toEqual(before);
  });

  it('gives its bureau no right to the first list', async () => {
    expect((await report('W6660001', {}, 'sltd')).http).toBe(401);
    expect((await report('W6660001', { keys: space.keys }, 'sltd')).http).toBe(401);
    // With a token for that list the bureau writes its state's records there as ever.
    const writer = { keys: space.keys, collections: ['sltd'] };
    expect((await report('S8880001', writer, 'sltd')).http).toBe(201);
    await becomes([['hit', 'clear']], 'S8880001');
  });
});
