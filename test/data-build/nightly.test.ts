/** The nightly job: a night that goes well, one that is refused, and one where a state's feed fails. */

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { errorLine, exitCodeOf } from '../../data-build/command.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { listQuarantine } from '../../data-build/gates/quarantine.ts';
import { rotateKey } from '../../data-build/keys/key-rotation.ts';
import { writeKeys } from '../../data-build/keys/keys.ts';
import { readConfig } from '../../data-build/nightly/config.ts';
import { withRunLock } from '../../data-build/nightly/run-lock.ts';
import { sendWebhook, webhookSecret } from '../../data-build/nightly/webhook.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { bucketOf } from '../../publish/open-store.ts';
import { SltdError } from '../../src/errors.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { sltd, startSltd, workspace } from './workspace.ts';

const space = workspace();
const job = (name: string, feeds: string, more = '') => nightlyJob(space, name, feeds, more);

describe('the settings', () => {
  const keys = 'keys = "k"\nstate = "s"\nprofile = "sltd"\n';
  const feed = '[[feed]]\nname = "a"\nfrom = "in"\n';
  test.each([
    ['no TOML', 'keys = ', 'line 1 is not TOML'],
    ['no keys', `state = "s"\nprofile = "sltd"\n${feed}`, 'keys: missing'],
    ['no feed', keys, 'feed: missing'],
    ['an unknown key', `${keys}retries = 3\n${feed}`, 'retries: unknown'],
    ['an unknown key of a feed', `${keys}${feed}form = "x"\n`, 'feed.0.form: unknown'],
    ['a value of another type', `${keys}${feed}checksum = "yes"\n`, 'feed.0.checksum: not usable'],
    [
      'a state that is none',
      `${keys}${feed}states = ["Atlantis"]\n`,
      'feed.0.states.0: not usable',
    ],
    ['a limit that is none', `${keys}${feed}[gates]\nshrink = 1\n`, 'there is no limit shrink'],
    [
      'a limit out of range',
      `${keys}${feed}[gates]\nduplicates-points = 200\n`,
      'duplicates-points',
    ],
    ['a profile that is none', `${keys.replace('sltd', 'slt')}${feed}`, 'the profiles are sltd'],
    [
      'two feeds of one name',
      `${keys}${feed}states = ["D"]\n${feed}states = ["FRA"]`,
      'two are named',
    ],
    [
      'several feeds without states',
      `${keys}${feed}${feed.replace('"a"', '"b"')}`,
      'name its states',
    ],
    ['an address that is none', `${keys}${feed}[notify]\nurl = "mail"\n`, 'notify.url: not usable'],
  ])('%s is said by its key', (_, text, detail) => {
    const file = space.write('wrong.toml', text);
    expect(() => readConfig(file)).toThrow(
      expect.objectContaining({ code: 'config-invalid', detail: expect.stringContaining(detail) }),
    );
  });

  test('the example is complete and usable', () => {
    const config = readConfig('examples/nightly/sltd.toml');
    expect(config.feeds.length).toBeGreaterThan(0);
  });
});

describe('a night', () => {
  const world = job('world', '[[feed]]\nname = "world"\nfrom = "in"\nmatch = "*.csv"\n');
  const command = () => sltd(['nightly', '--config', world.file]);

  test('goes from the newest file to an edition in force, and is told in one line', async () => {
    world.deliver('in/2025-01-29.csv', csv(rows(10)));
    world.deliver('in/2025-01-30.csv', csv(rows(400)));
    const { code, stdout, stderr } = await command();
    expect([code, stderr]).toEqual([0, expect.stringContaining('"step":"verify"')]);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({
      ...{ outcome: 'published', sequence: 1, records: 400, rejected: 0, exitCode: 0 },
      feeds: [{ name: 'world', used: 'delivered', files: ['feeds/world/2025-01-30.csv'] }],
    });
    expect(summary).not.toHaveProperty('notified');
    const told = JSON.parse(readFileSync(join(world.stateDir, 'last-run.json'), 'utf8'));
    expect(told).toEqual(summary);
    expect(existsSync(join(world.stateDir, 'feeds/world/2025-01-30.csv'))).toBe(true);
    expect(readdirSync(join(world.stateDir, 'reports'))).toEqual([`${summary.edition}.html`]);
  });

  test('that has been done is done once', async () => {
    const again = await world.run();
    expect(again).toMatchObject({ outcome: 'already-published', sequence: 1, records: 400 });
  });

  test('is done again under other restrictions, and a file of them that is none stops it', async () => {
    const limited = job(
      'limited',
      '[[feed]]\nname = "world"\nfrom = "in"\n',
      'restrictions = "restrictions.csv"\n',
    );
    limited.deliver('in/2025-01-30.csv', csv(rows(40)));
    await expect(limited.run()).rejects.toMatchObject({ code: 'input-restrictions' });
    limited.deliver('restrictions.csv', 'issuing_state,excluded_state\nUTO,D\n');
    expect(await limited.run()).toMatchObject({ outcome: 'published' });
    expect(await limited.run()).toMatchObject({ outcome: 'already-published' });
    limited.deliver('restrictions.csv', 'issuing_state,excluded_state\nUTO,D\nUTO,FRA\n');
    expect(await limited.run()).toMatchObject({ outcome: 'published' });
    expect((await limited.edition()).manifest.restrictions?.rows).toHaveLength(2);
    limited.deliver('restrictions.csv', 'issuing_state,excluded_state\n');
    await expect(limited.run()).rejects.toMatchObject({ code: 'gate-refused' });
  });

  test('with a truncated export ends with 3, and the last edition keeps serving', async () => {
    world.deliver('in/2025-01-31.csv', csv(rows(150)));
    const { code, stdout, stderr } = await command();
    expect(code).toBe(3);
    expect(stderr).toContain('400 records before, 150 now');
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ outcome: 'refused', code: 'gate-refused', exitCode: 3 });
    expect(summary.quarantine.refusals[0].gate).toBe('shrink-total');
    expect((await world.edition()).manifest.recordCount).toBe(400);
    const [waiting] = listQuarantine(new DirectoryStore(join(world.stateDir, 'edition')));
    expect(waiting?.edition).toBe(summary.quarantine.edition);
  });

  test('goes on from a release', async () => {
    const edition = join(world.stateDir, 'edition');
    const [waiting] = listQuarantine(new DirectoryStore(edition));
    const args = ['--gate', 'shrink-total,shrink-state', '--by', 'Me', '--reason', 'they withdrew'];
    const release = ['release', edition, waiting!.edition, '--keys', space.keysPath, ...args];
    expect((await sltd(release)).code).toBe(0);
    expect(await world.run()).toMatchObject({ outcome: 'already-published', records: 150 });
    expect(existsSync(join(world.stateDir, 'feeds/world/2025-01-31.csv'))).toBe(true);
  });

  test('that is interrupted changes nothing and says so', async () => {
    world.deliver('in/2025-02-01.csv', csv(rows(155)));
    const child = startSltd(['nightly', '--config', world.file]);
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      if (String(chunk).includes('"pages","event":"start"')) child.kill('SIGINT');
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect((await world.edition()).manifest.recordCount).toBe(150);
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 155 });
  });

  test('that was killed leaves the last edition in force, and the next run makes it good', async () => {
    world.deliver('in/2025-02-02.csv', csv(rows(160)));
    const child = startSltd(['nightly', '--config', world.file]);
    child.stderr.on('data', (chunk) => {
      if (String(chunk).includes('"pages","event":"start"')) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(child.signalCode).toBe('SIGKILL');
    expect((await world.edition()).manifest.recordCount).toBe(155);
    expect(readdirSync(world.stateDir)).toContain('sltd-work');
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 160 });
    expect(readdirSync(world.stateDir)).not.toContain('sltd-work');
    rmSync(join(world.stateDir, 'nightly.lock'));
  });

  test('without a delivery, or with one that cannot be read, is refused', async () => {
    rmSync(join(world.dir, 'in'), { recursive: true });
    await expect(world.run()).rejects.toMatchObject({ code: 'input-unreadable' });
    world.deliver('in/readme.txt', 'nothing');
    await expect(world.run()).rejects.toMatchObject({ code: 'input-unreadable' });
  });

  test('runs once at a time; what a killed run left does not stop anybody', async () => {
    const lock = join(world.stateDir, 'nightly.lock');
    await withRunLock(lock, async () => {
      await expect(withRunLock(lock, async () => 1)).rejects.toMatchObject({ code: 'job-running' });
      const second = await command();
      expect([second.code, second.stdout]).toEqual([1, '']);
      expect(second.stderr).toContain('sltd: job-running: ');
    });
    writeFileSync(lock, `${hostname()} 999999999\n`);
    expect(await withRunLock(lock, async () => 2)).toBe(2);
    writeFileSync(lock, 'another-host 1\n');
    await expect(withRunLock(lock, async () => 3)).rejects.toMatchObject({ code: 'job-running' });
    rmSync(lock);
    expect(readdirSync(world.stateDir).filter((name) => name.includes('lock'))).toEqual([]);
  });
});

describe('a checksum beside the file', () => {
  const world = job(
    'sums',
    '[[feed]]\nname = "a"\nfrom = "in"\nmatch = "*.csv"\nchecksum = true\n',
  );

  test('is asked for, and has to be right', async () => {
    const text = csv(rows(30));
    const sum = createHash('sha256').update(text).digest('hex');
    const refused = { code: 'input-unreadable' };
    world.deliver('in/list.csv', text);
    await expect(world.run()).rejects.toMatchObject(refused);
    world.deliver('in/list.csv.sha256', `${'0'.repeat(64)}  list.csv\n`);
    await expect(world.run()).rejects.toMatchObject(refused);
    world.deliver('in/list.csv.sha256', `${sum.toUpperCase()}  list.csv\n`);
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 30 });
  });
});

describe('a feed in a bucket', () => {
  const world = job(
    'bucket',
    '[[feed]]\nname = "a"\nfrom = "s3://sltd-editions/in"\nchecksum = true\n',
  );
  let s3: S3Server;
  const before = { ...process.env };
  beforeAll(async () => {
    s3 = await startS3Server(space.path('s3'));
    Object.assign(process.env, s3.environment);
  });
  afterAll(async () => {
    for (const name of Object.keys(s3.environment)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    await s3.close();
  });

  test('is read range by range, one version of it', async () => {
    const { client, prefix } = bucketOf('s3://sltd-editions/in');
    const put = (name: string, text: string) =>
      client.send({ method: 'PUT', key: prefix + name, body: Buffer.from(text) });
    // Over 8 MiB, so that it takes two ranges.
    const text = csv(rows(300)) + '\n'.repeat(9 * 1024 * 1024);
    await put('list-2.csv', text);
    await put('list-2.csv.sha256', createHash('sha256').update(text).digest('hex'));
    await put('list-1.csv', csv(rows(3)));
    await put('other/list-9.csv', csv(rows(3)));
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 300 });
    let asked = 0;
    s3.fault = ({ method, key }) => {
      if (method !== 'GET' || !key.endsWith('list-2.csv') || ++asked !== 2) return undefined;
      return 412;
    };
    await expect(world.run()).rejects.toMatchObject({
      code: 'input-unreadable',
      detail: expect.stringContaining('changed'),
    });
    s3.fault = ({ key }) => (key.endsWith('list-2.csv') ? 403 : undefined);
    await expect(world.run()).rejects.toMatchObject({ code: 'input-unreadable' });
  });

  test('of another owner is opened by what is named for feeds, and by nothing else', async () => {
    s3.fault = () => undefined;
    const others = Object.entries(s3.environment).map(([name, value]) => [
      `SLTD_FEED_${name}`,
      value,
    ]);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'of-the-editions');
    try {
      await expect(world.run()).rejects.toMatchObject({ code: 'input-unreadable' });
      for (const [name, value] of others) vi.stubEnv(name!, value);
      expect(await world.run()).toMatchObject({ outcome: 'already-published' });
      vi.stubEnv('SLTD_FEED_AWS_SECRET_ACCESS_KEY', '');
      await expect(world.run()).rejects.toMatchObject({
        ...{ code: 'config-invalid', detail: 'SLTD_FEED_AWS_SECRET_ACCESS_KEY' },
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('a night with a store', () => {
  const feed = '[[feed]]\nname = "a"\nfrom = "in"\n';
  const world = job('store', `${feed}[publish]\nstore = "store"\n`);
  const store = join(world.dir, 'store');
  const inStore = async () => (await openEdition(new DirectoryStore(store), space.keys)).manifest;
  const rollBack = async (dir: string) => {
    const { code, stderr } = await sltd([
      'rollback',
      dir,
      '--to',
      'previous',
      '--keys',
      space.keysPath,
    ]);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
  };

  test('brings the edition there, asks it there for every record, and does so once', async () => {
    world.deliver('in/1.csv', csv(rows(100)));
    const first = await world.run();
    expect(first).toMatchObject({ outcome: 'published', published: { records: 100, sequence: 1 } });
    expect((await inStore()).recordCount).toBe(100);
    const again = await world.run();
    expect(again.outcome).toBe('already-published');
    expect(again.published).toBeUndefined();
  });

  test('that could not be brought there is brought by the next run', async () => {
    world.deliver('in/2.csv', csv(rows(105)));
    const head = readFileSync(join(store, 'head'));
    writeFileSync(join(store, 'head'), 'not a head');
    await expect(world.run()).rejects.toMatchObject({ code: 'format-signature' });
    expect((await world.edition()).manifest.recordCount).toBe(105);
    writeFileSync(join(store, 'head'), head);
    expect(await world.run()).toMatchObject({ outcome: 'published', sequence: 2 });
    expect((await inStore()).recordCount).toBe(105);
  });

  test('does not bring back what somebody went back from', async () => {
    world.deliver('in/3.csv', csv(rows(108)));
    await world.run();
    await rollBack(store);
    expect((await inStore()).recordCount).toBe(105);
    const refused = { code: 'gate-refused' };
    await expect(world.run()).rejects.toMatchObject(refused);
    await rollBack(join(world.stateDir, 'edition'));
    await expect(world.run()).rejects.toMatchObject({
      ...refused,
      quarantine: { refusals: [{ gate: 'replayed' }] },
    });
    expect((await inStore()).recordCount).toBe(105);
    world.deliver('in/4.csv', csv(rows(109)));
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 109 });
    expect((await inStore()).recordCount).toBe(109);
  });

  test('whose state was lost is held against what is in force in the store', async () => {
    rmSync(world.stateDir, { recursive: true });
    world.deliver('in/5.csv', csv(rows(40)));
    await expect(world.run()).rejects.toMatchObject({
      ...{ code: 'gate-refused', detail: expect.stringContaining('109 records before, 40 now') },
    });
    expect((await inStore()).recordCount).toBe(109);
    world.deliver('in/6.csv', csv(rows(110)));
    expect(await world.run()).toMatchObject({ published: { records: 110 } });
  });
});

test('a full disk has its own code, and the summary reaches stdout if it cannot be kept', async () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(errorLine(full)).toBe('disk-full: The disk has no room left.');
  const wrapped = new SltdError('store-unavailable', { cause: full });
  expect(errorLine(wrapped)).toContain('disk-full');
  expect(exitCodeOf(wrapped)).toBe(1);
  const world = job('no-room', '[[feed]]\nname = "a"\nfrom = "in"\n');
  world.deliver('in/1.csv', csv(rows(10)));
  world.deliver('state/last-run.json/in-the-way', '');
  const { code, stdout, stderr } = await sltd(['nightly', '--config', world.file]);
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { outcome: 'published', records: 10 }]);
  expect(stderr).toContain('last-run.json: ');
});

test('a change of the edition key makes the next night sign the same list anew', async () => {
  const world = job('rotated', '[[feed]]\nname = "a"\nfrom = "in"\n');
  world.deliver('in/1.csv', csv(rows(20)));
  await world.run();
  expect(await world.run()).toMatchObject({ outcome: 'already-published', sequence: 1 });
  const rotated = join(world.dir, 'keys.json');
  writeKeys(rotated, rotateKey(space.keys, 'edition'));
  const settings = readFileSync(world.file, 'utf8');
  writeFileSync(
    world.file,
    settings.replace(JSON.stringify(space.keysPath), JSON.stringify(rotated)),
  );
  expect(await world.run()).toMatchObject({ outcome: 'published', sequence: 2, records: 20 });
  expect(await world.run()).toMatchObject({ outcome: 'already-published', sequence: 2 });
});

test('a night with operations: only what the log says may have changed', async () => {
  const feed = '[[feed]]\nname = "a"\nfrom = "in"\n';
  const world = job('replayed', feed, 'operations = "operations.ndjson"\n');
  world.deliver('operations.ndjson', '');
  world.deliver('in/1.csv', csv(rows(50)));
  expect(await world.run()).toMatchObject({ outcome: 'published', records: 50 });
  world.deliver('in/2.csv', csv(rows(51)).replaceAll('2025-01-30', '2025-01-31'));
  await expect(world.run()).rejects.toMatchObject({
    ...{ code: 'gate-refused', quarantine: { refusals: [{ gate: 'replay' }] } },
  });
  const at = Date.UTC(2025, 0, 30, 12);
  const operation = { kind: 'added', key: 'PUTOA50', category: 'lost', recordId: 'r50', at };
  world.deliver('operations.ndjson', `${JSON.stringify(operation)}\n`);
  expect(await world.run()).toMatchObject({
    ...{ outcome: 'published', records: 51, replayed: { operations: 1, keys: 1 } },
  });
});

describe('several feeds', () => {
  const feed = (name: string, state: string) =>
    `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${state}"]\n`;
  const world = job('feeds', feed('utopia', 'UTO') + feed('france', 'FRA'));
  const coverage = async () => {
    const { manifest } = await world.edition();
    return ['UTO', 'FRA'].map((code) => {
      const { coverage, recordCount, asOf } = manifest.state(code)!;
      return `${code} ${coverage} ${recordCount} ${new Date(asOf).toISOString().slice(0, 10)}`;
    });
  };

  test('a feed that never was good stops the first night', async () => {
    world.deliver('in/utopia/a.csv', csv(rows(200)));
    world.deliver('in/france/a.csv', 'no header of ours\n');
    await expect(world.run()).rejects.toMatchObject({
      code: 'input-schema',
      detail: expect.stringContaining('feed france'),
    });
  });

  test('all good: both states report', async () => {
    world.deliver('in/france/a.csv', csv(rows(100, 'FRA')));
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 300 });
    expect(await coverage()).toEqual(['UTO reports 200 2025-01-30', 'FRA reports 100 2025-01-30']);
  });

  test.each([
    ['is no export', 'no header of ours\n', 'input-schema'],
    ['shrinks', csv(rows(20, 'FRA')), 'gate-refused'],
    ['has records of another state', csv([...rows(100, 'FRA'), ...rows(1)]), 'input-schema'],
    ['has too many broken rows', csv([...rows(99, 'FRA'), 'FRA,PAS,,,,lost,']), 'input-rejects'],
  ])('one that %s: its last good delivery stands in, partial as of then', async (_, text, code) => {
    const later = rows(210).map((row) => row.replace('01-30', '01-31'));
    world.deliver('in/utopia/b.csv', csv(later));
    world.deliver('in/france/b.csv', text);
    const night = await world.run();
    expect(night.feeds[0]).toMatchObject({ name: 'utopia', used: 'delivered' });
    expect(night.feeds[1]).toMatchObject({ name: 'france', used: 'last-good', code });
    expect(night.feeds[1]?.files).toEqual(['feeds/france/a.csv']);
    expect(await coverage()).toEqual(['UTO reports 210 2025-01-31', 'FRA partial 100 2025-01-30']);
  });

  test('a run that was killed between two renames has lost nothing', async () => {
    const folder = join(world.stateDir, 'feeds/france');
    renameSync(folder, `${folder}.old`);
    expect((await world.run()).feeds[1]).toMatchObject({ used: 'last-good' });
    expect(existsSync(`${folder}.old`)).toBe(false);
  });

  test('when it is mended, the state reports again', async () => {
    world.deliver('in/france/b.csv', csv(rows(101, 'FRA')));
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 311 });
    expect(await coverage()).toEqual(['UTO reports 210 2025-01-31', 'FRA reports 101 2025-01-30']);
    expect(readdirSync(join(world.stateDir, 'feeds/france')).sort()).toEqual([
      '.feed.json',
      'b.csv',
    ]);
  });

  test('a last good delivery that is damaged, or too old, stands in for nothing', async () => {
    world.deliver('in/france/c.csv', 'no header of ours\n');
    const record = join(world.stateDir, 'feeds/france/.feed.json');
    const text = readFileSync(record, 'utf8');
    const old = { ...JSON.parse(text), deliveredAt: Date.now() - 8 * 24 * 60 * 60 * 1000 };
    writeFileSync(record, JSON.stringify(old));
    await expect(world.run()).rejects.toMatchObject({ code: 'input-schema' });
    writeFileSync(record, text);
    writeFileSync(join(world.stateDir, 'feeds/france/b.csv'), csv(rows(100, 'FRA')));
    await expect(world.run()).rejects.toMatchObject({ code: 'input-schema' });
  });
});

describe('a feed of several states that fails', () => {
  const settings = (...north: string[]) =>
    `[[feed]]\nname = "utopia"\nfrom = "in/utopia"\nstates = ["UTO"]\n` +
    `[[feed]]\nname = "north"\nfrom = "in/north"\nstates = ${JSON.stringify(north)}\n`;
  const world = job('quiet', settings('FRA', 'BEL'));
  const stateOf = async (code: string) => {
    const { coverage, recordCount, asOf } = (await world.edition()).manifest.state(code)!;
    return `${coverage} ${recordCount} ${new Date(asOf).toISOString().slice(0, 10)}`;
  };

  test('a state of it that has no record yet is partial, as of the last good delivery', async () => {
    world.deliver('in/utopia/a.csv', csv(rows(100)));
    world.deliver('in/north/a.csv', csv(rows(100, 'FRA')));
    await world.run();
    expect(await stateOf('BEL')).toBe('does-not-report 0 2025-01-30');
    world.deliver('in/utopia/b.csv', csv(rows(101)).replaceAll('01-30', '02-10'));
    world.deliver('in/north/b.csv', 'no header of ours\n');
    expect((await world.run()).feeds[1]).toMatchObject({ used: 'last-good' });
    expect(await stateOf('BEL')).toBe('partial 0 2025-01-30');
    expect(await stateOf('DNK')).toBe('does-not-report 0 2025-02-10');
    expect(await world.run()).toMatchObject({ outcome: 'already-published' });
  });

  test('a state that it is to deliver from now on makes another edition of the same files', async () => {
    const head = readFileSync(world.file, 'utf8').split('[[feed]]')[0]!;
    writeFileSync(world.file, head + settings('FRA', 'BEL', 'DNK'));
    expect(await world.run()).toMatchObject({ outcome: 'published' });
    expect(await stateOf('DNK')).toBe('partial 0 2025-01-30');
    expect(await world.run()).toMatchObject({ outcome: 'already-published' });
  });

  test('a state that it is no longer to deliver stays partial while the old delivery has it', async () => {
    const head = readFileSync(world.file, 'utf8').split('[[feed]]')[0]!;
    writeFileSync(world.file, head + settings('BEL', 'ISL'));
    await world.run();
    expect(await stateOf('ISL')).toBe('partial 0 2025-01-30');
    expect(await stateOf('FRA')).toBe('partial 100 2025-01-30');
    expect(await stateOf('DNK')).toBe('does-not-report 0 2025-02-10');
  });
});

describe('the webhook', () => {
  const received: { headers: Record<string, unknown>; body: string }[] = [];
  let failures = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.statusCode = failures-- > 0 ? 503 : 204;
      response.end();
    });
  });
  const secret = randomBytes(32);
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  afterAll(() => server.close());

  test('is told of a refusal, signed as Standard Webhooks are, and tried again', async () => {
    failures = 1;
    const key = webhookSecret(`whsec_${secret.toString('base64')}`);
    const data = { outcome: 'refused' };
    const options = { url, type: 'nightly.refused', data, secret: key, pauseMs: 1 };
    expect(await sendWebhook(options)).toBe(true);
    expect(received).toHaveLength(2);
    const { headers, body } = received[1]!;
    expect(received[0]?.headers['webhook-id']).toBe(headers['webhook-id']);
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const mac = createHmac('sha256', secret).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(JSON.parse(body)).toMatchObject({ type: 'nightly.refused', data });
    failures = 3;
    expect(await sendWebhook(options)).toBe(false);
  });

  test('a secret that is none is refused without being shown', () => {
    for (const text of ['whsec', 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(400)}`]) {
      const detail = 'SLTD_WEBHOOK_SECRET is no whsec_ secret';
      expect(() => webhookSecret(text)).toThrow(expect.objectContaining({ detail }));
    }
    expect(webhookSecret(undefined)).toBeUndefined();
  });

  test('hears of a night by its settings, and does not change what became of it', async () => {
    const feed = '[[feed]]\nname = "a"\nfrom = "in"\n';
    const world = job('told', `${feed}[notify]\nurl = "${url}"\n`);
    failures = 0;
    received.length = 0;
    world.deliver('in/list.csv', 'no header of ours\n');
    const refused = await sltd(['nightly', '--config', world.file]);
    expect([refused.code, JSON.parse(refused.stdout).notified]).toEqual([3, true]);
    expect(JSON.parse(received[0]!.body)).toMatchObject({
      type: 'nightly.refused',
      data: { outcome: 'refused', code: 'input-schema' },
    });
    expect(received[0]!.headers).not.toHaveProperty('webhook-signature');
    expect(received[0]!.body).not.toContain(world.dir);
    world.deliver('in/list.csv', csv(rows(5)));
    const good = await sltd(['nightly', '--config', world.file]);
    expect([good.code, received.length]).toEqual([0, 1]);
  });
});
