/**
 * The whole way over the R2 of the Workers runtime: published by S3, read by the binding of the edge, gone back
 * from, tidied up. One runtime, the configuration that is deployed, the command line tool as a process.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { EDGE_SETTINGS, settingValues } from '../../data-build/keys/key-settings.ts';
import { issueToken } from '../../data-build/keys/token.ts';
import { collectGarbage } from '../../publish/collect-garbage.ts';
import { openStore } from '../../publish/open-store.ts';
import { HEAD_BYTES } from '../../src/format/layout.ts';
import { HEAD_NAME, objectName } from '../../src/format/names.ts';
import { build, sltd, sltdCsv, workspace } from '../data-build/workspace.ts';
import { startR2Server } from '../support/r2-server.ts';

const DAY_MS = 24 * 3_600_000;
/** The edge looks every second; the machine may be busy. */
const FOLLOW_MS = 60_000;
const space = workspace();
const r2 = await startR2Server(space.dir, {
  ...settingValues(EDGE_SETTINGS, space.keys),
  ...{ POLL_SECONDS: '1', FILTER_ARENA_BYTES: '1048576', MATCH_ARENA_BYTES: '1048576' },
});
afterAll(() => r2.close());
// The command line tool takes them from here.
Object.assign(process.env, r2.environment);

const store = openStore(r2.location);
let token: string;
beforeAll(async () => {
  const who = { role: 'officer', tenant: 'UTO', site: 'desk-1' } as const;
  token = await issueToken(space.keys, who);
});

interface Answer {
  status: string;
  code?: string;
  collections: { edition: string; sequence: number }[];
}

async function check(number: string): Promise<Answer> {
  const response = await fetch(`${r2.url}/v1/checks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ number, issuingState: 'UTO', documentClass: 'passport' }),
  });
  return response.json() as Promise<Answer>;
}

/** Asks until the edge has this sequence, and then for each number. */
async function statuses(sequence: number, ...numbers: string[]): Promise<string[]> {
  await expect
    .poll(async () => (await check('A1')).collections?.[0]?.sequence, { timeout: FOLLOW_MS })
    .toBe(sequence);
  const answers = await Promise.all(numbers.map(check));
  expect(answers.map(({ collections }) => collections[0]?.sequence)).toEqual(
    numbers.map(() => sequence),
  );
  return answers.map(({ status }) => status);
}

const exportOf = (day: number, numbers: readonly string[]) =>
  space.write(`day-${day}.csv`, sltdCsv(...numbers.map((number) => `UTO,PAS,${number},,,stolen`)));
const editions: string[] = [];

/** A night: built, published to the bucket as anybody does it. */
async function publish(day: number, numbers: readonly string[]) {
  const file = exportOf(day, numbers);
  const asOf = Date.UTC(2026, 0, day);
  editions.push((await build(space, { files: [file], asOf })).edition);
  return sltd([
    ...['publish', space.path('edition'), file, '--profile', 'sltd', '--keys', space.keysPath],
    ...['--to', r2.location, '--temp', space.dir],
  ]);
}

describe('over R2', { timeout: 240_000 }, () => {
  test('an empty bucket answers unknown, and readiness says so (S4)', async () => {
    expect(await check('A1')).toMatchObject({ status: 'unknown', code: 'edition-missing' });
    expect((await fetch(`${r2.url}/readyz`)).status).toBe(503);
  });

  test('what is published is answered from by the binding', async () => {
    const { code, stdout, stderr } = await publish(1, ['A1', 'B2']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sequence: 1, records: 2, store: r2.location });
    expect(await statuses(1, 'A1', 'B2', 'C3')).toEqual(['candidate', 'candidate', 'clear']);
  });

  test('the next night sends only what is new, and the edge follows', async () => {
    const { code, stdout, stderr } = await publish(2, ['A1', 'C3']);
    expect(code, stderr).toBe(0);
    const { sentPages, pages } = JSON.parse(stdout) as Record<string, number>;
    expect(sentPages).toBeLessThanOrEqual(2);
    expect(pages).toBeGreaterThan(2);
    expect(await statuses(2, 'A1', 'B2', 'C3')).toEqual(['candidate', 'clear', 'candidate']);
  });

  test('going back gives the edition before under a higher sequence', async () => {
    const args = ['rollback', r2.location, '--to', 'previous', '--keys', space.keysPath];
    const { code, stderr } = await sltd(args);
    expect(code, stderr).toBe(0);
    expect(await statuses(3, 'A1', 'B2', 'C3')).toEqual(['candidate', 'candidate', 'clear']);
    expect((await check('A1')).collections[0]!.edition).toBe(editions[0]);
  });

  test('an older head that somebody puts back is not answered from (S6)', async () => {
    const now = (await store.get(HEAD_NAME, HEAD_BYTES))!;
    const old = (await store.get((await store.list('history'))[0]!.name, HEAD_BYTES))!;
    const put = await store.replaceHead(old.bytes, now.version);
    await expect
      .poll(async () => (await fetch(`${r2.url}/v1/editions`, withToken())).text(), {
        timeout: FOLLOW_MS,
      })
      .toContain('edition-rollback');
    expect((await check('B2')).collections[0]!.sequence).toBe(3);
    await store.replaceHead(now.bytes, put);
  });

  test('collection takes what no edition needs, and the edge answers on', async () => {
    const { sha256 } = await store.put(
      'pages',
      new TextEncoder().encode('of a night that was killed'),
    );
    const { trusted } = await headSignerOf(space.keys);
    const now = () => Date.now() + 5 * DAY_MS;
    const { kept, taken } = await collectGarbage(store, { headKeys: trusted, dryRun: false, now });
    expect(kept.map(({ edition }) => edition).sort()).toEqual([...editions].sort());
    expect(taken.pages.objects).toBe(1);
    expect(await store.exists(objectName('pages', sha256))).toBe(false);
    expect(await statuses(3, 'A1', 'B2', 'C3')).toEqual(['candidate', 'candidate', 'clear']);
    const args = ['verify', r2.location, space.path('day-1.csv'), '--profile', 'sltd'];
    const verified = await sltd([...args, '--keys', space.keysPath, '--non-members', '1000']);
    expect(verified.code, verified.stderr).toBe(0);
  });
});

const withToken = () => ({ headers: { authorization: `Bearer ${token}` } });
