/** Where central has a log, no edition comes in force in a store that nobody held against it. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { readConfig } from '../../data-build/nightly/config.ts';
import { openInForce } from '../../data-build/edition/open-edition.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { publishOverlay } from '../../publish/head.ts';
import { objectName } from '../../src/format/names.ts';
import { encodeOverlay } from '../../src/format/overlay.ts';
import { signingKey, signObject } from '../../src/format/signature.ts';
import { build, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const store = new DirectoryStore(space.path('store'));
const dayOf = (day: number) => Date.UTC(2026, 0, day, 3);
const exportOf = (day: number, count: number) =>
  space.write(
    `day-${day}.csv`,
    sltdCsv(...Array.from({ length: count }, (_, i) => `UTO,PAS,A${i},,,lost`)),
  );

/** Builds where no overlay ever comes, and publishes to the store that has one. */
async function publishDay(day: number, count: number, ...more: string[]) {
  const file = exportOf(day, count);
  await build(space, { files: [file], asOf: dayOf(day) });
  return publish(file, ...more);
}

function publish(file: string, ...more: string[]) {
  const args = [
    'publish',
    space.path('edition'),
    file,
    '--profile',
    'sltd',
    '--to',
    store.location,
  ];
  return sltd([...args, '--keys', space.keysPath, '--temp', space.dir, ...more]);
}

/** What the publisher of overlays does once a minute, also when nothing was reported. */
async function putOverlay(asOf: number) {
  const { head, manifest } = await openInForce(store, space.keys);
  const overlay = encodeOverlay({
    ...{ epochKeyId: manifest.epochKeyId, collection: 'sltd', from: dayOf(0), asOf },
    ...{ lastOperation: 1, operations: [] },
  });
  const signed = await signObject(overlay, await signingKey({ ...space.keys.overlay }));
  const edition = { manifestSha256: head.manifestSha256, manifest };
  await publishOverlay(store, await headSignerOf(space.keys), { overlay: signed, edition });
}

const inStore = async () => (await openInForce(store, space.keys)).manifest.recordCount;
/** Reported an hour after the list of that day. */
const operations = (day: number, numbers: number[]) =>
  space.write(
    'operations.ndjson',
    numbers
      .map((number) => ({
        key: `PUTOA${number}`,
        recordId: `r${number}`,
        at: dayOf(day) + 3_600_000,
      }))
      .map((line) => `${JSON.stringify({ kind: 'added', category: 'lost', ...line })}\n`)
      .join(''),
  );

test('a store without an overlay has nothing to replay', async () => {
  expect((await publishDay(1, 40)).code).toBe(0);
  expect((await publishDay(2, 41)).code).toBe(0);
  expect(JSON.parse((await publishDay(3, 42)).stdout)).not.toHaveProperty('replayed');
});

test('the same edition again is no new one', async () => {
  await putOverlay(dayOf(3) + 1);
  expect((await publish(exportOf(3, 42))).code).toBe(0);
});

test('a store with an overlay takes no edition that was not replayed, and nothing is sent', async () => {
  const pages = (await store.list('pages')).length;
  const { code, stderr } = await publishDay(4, 43);
  expect([code, stderr]).toEqual([3, expect.stringContaining('replay (central has a log')]);
  expect((await store.list('pages')).length).toBe(pages);
  expect(await inStore()).toBe(42);
});

test('one that lost a report is refused, one with all of them comes in force', async () => {
  const file = operations(4, [42, 43, 44]);
  const lost = await publishDay(5, 44, '--operations', file);
  expect([lost.code, lost.stderr]).toEqual([
    3,
    expect.stringContaining('replay (UTO: 1 reported and missing)'),
  ]);
  const whole = await publishDay(6, 45, '--operations', file);
  expect(whole.code, whole.stderr).toBe(0);
  expect(JSON.parse(whole.stdout)).toMatchObject({ replayed: { operations: 3, keys: 3 } });
  expect(await inStore()).toBe(45);
});

test('a person who names the gate lets one through', async () => {
  const who = ['--by', 'A. Person', '--reason', 'the log was lost with the database'];
  expect((await publishDay(7, 46, '--gate', 'replay', ...who)).code).toBe(0);
  expect(await inStore()).toBe(46);
});

describe('while the publisher of overlays is down, after the overlay was dropped', () => {
  const who = ['--by', 'A. Person', '--reason', 'the epoch key changed'];

  test('an edition that was not replayed is refused as before', async () => {
    await putOverlay(dayOf(7) + 3_600_000);
    // It would stay with the next edition, for it fits: but it cannot be read.
    const lost = (await openInForce(store, space.keys)).head.overlaySha256!;
    rmSync(join(store.location, objectName('overlays', lost)));
    const dropped = await publishDay(8, 47, '--drop-overlay', '--gate', 'replay', ...who);
    expect([dropped.code, dropped.stderr]).toEqual([0, expect.any(String)]);
    const { overlaySha256, reportedUntil } = (await openInForce(store, space.keys)).head;
    expect([overlaySha256, reportedUntil]).toEqual([undefined, dayOf(7) + 3_600_000]);
    const { code, stderr } = await publishDay(9, 48);
    expect([code, stderr]).toEqual([3, expect.stringContaining('replay (central has a log')]);
    expect(await inStore()).toBe(47);
  });

  test('one that lost a report is refused', async () => {
    const { code, stderr } = await publishDay(9, 48, '--operations', operations(8, [47, 48]));
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining('replay (UTO: 1 reported and missing)'),
    ]);
  });

  test('a store that cannot be compared with is not mended without a person', async () => {
    const { manifestSha256 } = (await openInForce(store, space.keys)).head;
    writeFileSync(join(store.location, objectName('manifests', manifestSha256)), 'damaged');
    const { code, stderr } = await publish(exportOf(9, 48));
    expect([code, stderr]).toEqual([3, expect.stringContaining('baseline (the manifest of')]);
  });
});

test('the settings of the nightly job say why there is no log, and not beside one', () => {
  const settings = (...lines: string[]) =>
    readConfig(
      space.write(
        'sltd.toml',
        [
          'keys = "k"',
          'state = "s"',
          'profile = "sltd"',
          ...lines,
          '[[feed]]',
          'name = "a"',
          'from = "in"',
          '',
        ].join('\n'),
      ),
    ).log;
  const reason = 'without-operations = "the export has what other systems changed"';
  expect(settings()).toBeUndefined();
  expect(settings('operations = "o"')).toEqual({ file: space.path('o') });
  expect(settings(reason)).toEqual({ withoutBecause: 'the export has what other systems changed' });
  expect(() => settings('operations = "o"', reason)).toThrow('give one of them');
  expect(() => settings('without-operations = "no"')).toThrow('without-operations');
});
