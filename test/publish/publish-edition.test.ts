/** A built edition in another store: what is sent, what is proved, and who comes in force. */

import { readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import type { KeyFile } from '../../data-build/key-file/key-file.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { importRows } from '../../data-build/key-file/import-rows.ts';
import { Progress } from '../../data-build/progress.ts';
import { publishBuiltEdition } from '../../data-build/publish-edition.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import { GRACE_MS } from '../../publish/collect-garbage.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { publishEdition } from '../../publish/head.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { openStore } from '../../publish/open-store.ts';
import { permittingBy } from '../../publish/permit.ts';
import { objectName } from '../../src/format/names.ts';
import { signingKey } from '../../src/format/signature.ts';
import { build, sltd, sltdCsv, workspace } from '../data-build/workspace.ts';
import { startS3Server } from '../support/s3-server.ts';

const space = workspace();
const s3 = await startS3Server(space.path('s3'));
afterAll(() => s3.close());

const exports = {
  monday: space.write('monday.csv', sltdCsv('UTO,PAS,A1,,,lost', 'FRA,PAS,B2,,,stolen')),
  tuesday: space.write('tuesday.csv', sltdCsv('UTO,PAS,A1,,,lost', 'FRA,PAS,C3,,,stolen')),
};
type Day = keyof typeof exports;
const asOfs: Record<Day, number> = { monday: Date.UTC(2026, 0, 5), tuesday: Date.UTC(2026, 0, 6) };
const keyFiles: Partial<Record<Day, KeyFile>> = {};
const threads = buildThreads(1);
afterAll(() => threads.close());

beforeAll(async () => {
  for (const day of ['monday', 'tuesday'] as const) {
    const asOf = asOfs[day];
    await build(space, { files: [exports[day]], outDir: space.path(day), asOf, keysPerShard: 64 });
    const { keyFile } = await importRows(
      { profile: SLTD, files: [exports[day]], rejectsPath: undefined, signal: undefined },
      { tempDir: space.folder(`${day}-keys`), progress: new Progress(undefined), threads },
    );
    keyFiles[day] = keyFile;
  }
});

let count = 0;
const emptyDirectory = () => space.path(`store-${count++}`);

/** Publishes what was built on a day; the store reads and writes as itself. */
async function publish(day: Day, to: ObjectStore, more = {}) {
  const from = new DirectoryStore(space.path(day));
  const edition = await openEdition(from, space.keys);
  const progress = new Progress(undefined);
  const records = keyFiles[day]!;
  return publishBuiltEdition({
    from,
    to,
    edition,
    keys: space.keys,
    records,
    threads,
    progress,
    ...more,
  });
}

/** Permits what was built on a day once more, as the edition key can. */
async function permitAnew(day: Day): Promise<void> {
  const store = new DirectoryStore(space.path(day));
  const { head, manifest } = await openEdition(store, space.keys);
  const permit = permittingBy(await signingKey({ ...space.keys.edition }), head);
  await publishEdition(store, await headSignerOf(space.keys), { ...head, manifest, permit });
}

describe('publishing', () => {
  const place = () => new DirectoryStore(emptyDirectory());

  test('sends the edition, asks it there for every record, and puts it in force', async () => {
    const to = place();
    const summary = await publish('monday', to);
    expect(summary).toMatchObject({ sequence: 1, wasInForce: false, records: 2, mendedPages: 0 });
    expect(summary.sentPages).toBe(summary.pages);
    const { head, manifest } = await openEdition(to, space.keys);
    expect([head.asOf, manifest.recordCount]).toEqual([asOfs.monday, 2]);
  });

  test('to a bucket does the same, and sends only what is new', async () => {
    const to = openStore(`${s3.location}/nightly`, s3.environment);
    expect((await publish('monday', to)).sequence).toBe(1);
    const next = await publish('tuesday', to);
    expect(next).toMatchObject({ sequence: 2, sentPages: 2, records: 2, mendedPages: 0 });
    expect((await openEdition(to, space.keys)).head.asOf).toBe(asOfs.tuesday);
  });

  test('a second time nothing is sent; a new edition sends only what is new', async () => {
    const to = place();
    await publish('monday', to);
    const again = await publish('monday', to);
    expect(again).toMatchObject({ sequence: 1, wasInForce: true, sentPages: 0, sentBytes: 0 });
    const next = await publish('tuesday', to);
    // Two pages of France; those of every other state are the same.
    expect(next).toMatchObject({ sequence: 2, sentPages: 2, records: 2 });
  });

  test('goes on where a copy ended, and mends what the store has damaged', async () => {
    const to = place();
    await publish('monday', to, { signal: abortAfter(to, 100) }).catch(() => {});
    expect((await to.list('pages')).length).toBeGreaterThan(90);
    expect(await to.get('head', 1_000)).toBeUndefined();
    const rest = await publish('monday', to);
    expect(rest.sentPages).toBeLessThan(rest.pages - 90);
  });
});

/** Aborts once so many objects were put. */
function abortAfter(store: ObjectStore, puts: number): AbortSignal {
  const controller = new AbortController();
  const put = store.put.bind(store);
  let done = 0;
  store.put = (...args) => {
    if (++done === puts) controller.abort();
    return put(...args);
  };
  return controller.signal;
}

describe('what is there already', () => {
  const frenchPage = async (dir: string) => {
    const { manifest } = await openEdition(new DirectoryStore(dir), space.keys);
    const { sha256 } = manifest.page('match', manifest.state('FRA')!.firstShard);
    return join(dir, objectName('pages', sha256));
  };

  test.each([
    ['changed', (path: string) => writeFileSync(path, new Uint8Array(statSync(path).size)), 0, 1],
    ['cut off', (path: string) => truncateSync(path, 10), 1, 0],
    ['gone', (path: string) => rmSync(path), 1, 0],
  ] as const)('is not believed: a page that is %s is put anew', async (_, damage, sent, mended) => {
    const dir = emptyDirectory();
    const to = new DirectoryStore(dir);
    await publish('monday', to);
    damage(await frenchPage(dir));
    const summary = await publish('monday', to);
    expect([summary.sentPages, summary.mendedPages]).toEqual([sent, mended]);
    expect((await openEdition(to, space.keys)).head.sequence).toBe(1);
  });

  test('is put anew if it is old and not in force: it may be taken away meanwhile', async () => {
    const dir = emptyDirectory();
    const to = new DirectoryStore(dir);
    await publish('monday', to);
    const french = await frenchPage(dir);
    await publish('tuesday', to);
    const old = new Date(Date.now() - GRACE_MS);
    for (const name of readdirSync(join(dir, 'pages')))
      utimesSync(join(dir, 'pages', name), old, old);
    // A head key cannot go back by itself: the permit of Monday is older than that of Tuesday.
    await expect(publish('monday', to, { settleMs: 1 })).rejects.toMatchObject({
      code: 'head-moved',
    });
    for (const name of readdirSync(join(dir, 'pages')))
      utimesSync(join(dir, 'pages', name), old, old);
    await permitAnew('monday');
    const back = await publish('monday', to, { settleMs: 1 });
    expect(back).toMatchObject({ sequence: 3, sentPages: 2 });
    expect(statSync(french).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
    await permitAnew('tuesday'); // again the later one, for those that follow
  });
});

describe('the head stays as it was', () => {
  test('when a record of the export is not found in the store', async () => {
    const to = new DirectoryStore(emptyDirectory());
    const records = keyFiles.tuesday!;
    const publishing = publish('monday', to, { records });
    await expect(publishing).rejects.toMatchObject({ code: 'verify-failed' });
    expect(await to.get('head', 1_000)).toBeUndefined();
  });

  test('when another publisher was first with data that is not older', async () => {
    const to = new DirectoryStore(emptyDirectory());
    const list = to.list.bind(to);
    to.list = async (folder) => {
      // Both have seen the empty store; the other one is quicker.
      to.list = list;
      await publish('tuesday', new DirectoryStore(to.location));
      return list(folder);
    };
    await expect(publish('monday', to)).rejects.toMatchObject({ code: 'head-moved' });
    expect((await openEdition(to, space.keys)).head.asOf).toBe(asOfs.tuesday);
  });
});

describe('sltd publish', () => {
  const args = ['publish', space.path('monday'), '--keys', space.keysPath];

  test('two at once: the newer edition is in force, whole, and each says what became of it', async () => {
    const store = emptyDirectory();
    const run = (day: Day) =>
      sltd([
        ...['publish', space.path(day), exports[day], '--profile', 'sltd', '--to', store],
        ...['--keys', space.keysPath, '--temp', space.dir],
      ]);
    const [monday, tuesday] = await Promise.all([run('monday'), run('tuesday')]);
    expect(tuesday.code, tuesday.stderr).toBe(0);
    if (monday.code !== 0) expect(monday.stderr).toContain('sltd: head-moved: ');
    expect((await openEdition(new DirectoryStore(store), space.keys)).head.asOf).toBe(
      asOfs.tuesday,
    );
    const verify = ['verify', store, exports.tuesday, '--profile', 'sltd', '--non-members', '1000'];
    const verified = await sltd([...verify, '--keys', space.keysPath, '--temp', space.dir]);
    expect(verified.code, verified.stderr).toBe(0);
  });

  test('needs the very files that the edition was built from, or to be told to do without', async () => {
    const to = ['--to', emptyDirectory()];
    expect((await sltd([...args, ...to])).code).toBe(2);
    const other = await sltd([...args, ...to, exports.tuesday, '--profile', 'sltd']);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('verify-failed')]);
    const hashes = await sltd([...args, ...to, '--hashes-only']);
    expect(JSON.parse(hashes.stdout)).toMatchObject({ sequence: 1, records: 0, wasInForce: false });
  });
});
