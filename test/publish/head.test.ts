/** Who moves the head, and what may never be lost when two do. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../publish/directory-store.ts';
import {
  type EditionReference,
  type HeadSigner,
  heartbeat,
  publishEdition,
  publishOverlay,
  readHead,
} from '../../publish/head.ts';
import { type Permitting, permittingBy } from '../../publish/permit.ts';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { decodeHead, encodeHead, type Head, sequenceMax } from '../../src/format/head.ts';
import { HEAD_BYTES } from '../../src/format/layout.ts';
import { encodeManifest, openManifest } from '../../src/format/manifest.ts';
import { encodeOverlay, openOverlay } from '../../src/format/overlay.ts';
import { encodePermit } from '../../src/format/permit.ts';
import { signObject, verifyKeys } from '../../src/format/signature.ts';
import { makeTestKeys } from '../support/edition.ts';

const root = mkdtempSync(join(tmpdir(), 'sltd-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const keys = await makeTestKeys();
const signer: HeadSigner = { key: keys.head, trusted: await verifyKeys(keys.jwk.head.x!) };
const NOON = Date.UTC(2026, 0, 15, 12);

let count = 0;
let store: DirectoryStore;
beforeEach(() => {
  store = new DirectoryStore(join(root, `store-${count++}`));
});

const edition = (name: number, asOf = NOON, collection = 'sltd'): EditionReference => {
  const named = { manifestSha256: new Uint8Array(32).fill(name), manifestLength: 1_000 };
  const permit = permittingBy(keys.edition, { collection, ...named });
  const manifest = { asOf, epochKeyId: new Uint8Array(16), states: () => [] };
  return { collection, ...named, manifest, permit };
};

/** The same list under another epoch key: an overlay of this one does not fit to it. */
const ofOtherEpoch = (reference: EditionReference): EditionReference => ({
  ...reference,
  manifest: { ...reference.manifest, epochKeyId: new Uint8Array(16).fill(1) },
});

/** An edition whose manifest is in the store, with the lists of these states; `silent` does not report. */
async function stored(asOf: number, stateAsOf: Record<string, number> = {}, silent = '') {
  const states = Object.entries(stateAsOf).map(([state, stateAsOf]) => ({
    ...{ state: parseStateCode(state)!, shardCount: 1 },
    coverage: state === silent ? ('does-not-report' as const) : ('reports' as const),
    ...{ asOf: stateAsOf, recordCount: 0 },
  }));
  const page = { sha256: new Uint8Array(32), xxh64: 0n, length: 64 };
  const shards = states.map(() => ({ filter: page, match: page }));
  const facts = { epochKeyId: new Uint8Array(16), asOf, collection: 'sltd' };
  const content = { ...facts, inputsSha256: new Uint8Array(32), states, shards };
  const bytes = await signObject(encodeManifest(content), keys.edition);
  const { sha256: manifestSha256 } = await store.put('manifests', bytes);
  const named = { collection: 'sltd', manifestSha256, manifestLength: bytes.length };
  const permit = permittingBy(keys.edition, named);
  return { ...named, manifest: openManifest(bytes), permit };
}

const overlayOf = (asOf: number, { from = NOON - 1_000 } = {}): Promise<Uint8Array> =>
  signObject(
    encodeOverlay({
      ...{ epochKeyId: new Uint8Array(16), collection: 'sltd', from, asOf, lastOperation: 1 },
      operations: [{ digest: new Uint8Array(16).fill(7), kind: 'added', category: 4 }],
    }),
    keys.overlay,
  );

const putOn = async (on: EditionReference, asOf: number, facts: { from?: number } = {}) =>
  publishOverlay(store, signer, { overlay: await overlayOf(asOf, facts), edition: on });

const put = async (name: number, asOf: number) => {
  return putOn(edition(name), asOf);
};

const inForce = async () => (await readHead(store, signer.trusted))!;

describe('an overlay', () => {
  test('comes in force with a higher sequence, and once', async () => {
    await publishEdition(store, signer, edition(1));
    const overlay = await overlayOf(NOON + 1_000);
    const head = await put(1, NOON + 1_000);
    expect(head).toMatchObject({ sequence: 2, asOf: NOON + 1_000, overlayLength: overlay.length });
    expect(head.manifestSha256).toEqual(edition(1).manifestSha256);
    const again = await put(1, NOON + 1_000);
    expect(again.sequence).toBe(2);
    expect((await heartbeat(store, signer)).overlaySha256).toEqual(head.overlaySha256);
  });

  test('of another edition, or of older data than the one in force, is refused', async () => {
    await expect(put(1, NOON)).rejects.toMatchObject({ code: 'edition-missing' });
    await publishEdition(store, signer, edition(1));
    await put(1, NOON + 2_000);
    await expect(put(2, NOON + 3_000)).rejects.toMatchObject({ code: 'head-moved' });
    await expect(put(1, NOON + 1_000)).rejects.toMatchObject({ code: 'head-moved' });
    expect(await inForce()).toMatchObject({ sequence: 2, asOf: NOON + 2_000 });
  });

  test('is read back before a head names it: a damaged one of its name is replaced', async () => {
    await publishEdition(store, signer, edition(1));
    const overlay = await overlayOf(NOON);
    const { sha256 } = await store.put('overlays', overlay);
    const name = `overlays/${Buffer.from(sha256).toString('hex')}`;
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(store.location, name), new Uint8Array(overlay.length));
    await put(1, NOON);
    const bytes = (await store.get(name, overlay.length))!.bytes;
    expect(openOverlay(bytes).rowCount).toBe(1);
  });
});

/** Puts a head of a thief's in force: that in force with these changes. */
async function forge(changes: Partial<Head>): Promise<void> {
  const forged = encodeHead({ ...(await inForce()), ...changes });
  const { version } = (await store.get('head', HEAD_BYTES))!;
  await store.replaceHead(await signObject(forged, keys.head), version);
}

describe('reports that are newer than an edition', () => {
  /** Puts an edition in force that the overlay does not fit to. */
  const drop = (name: number) =>
    publishEdition(store, signer, ofOtherEpoch(edition(name)), { dropsOverlay: true });

  beforeEach(async () => {
    await publishEdition(store, signer, edition(1));
    await put(1, NOON + 1_000);
  });

  test('stay with the next edition, and with the one before if they begin early enough', async () => {
    const { overlaySha256 } = await inForce();
    for (const next of [edition(2, NOON + 2_000), edition(3), edition(4, NOON - 1_000)]) {
      const head = await publishEdition(store, signer, next);
      expect(head.overlaySha256).toEqual(overlaySha256);
      expect(head.asOf).toBe(Math.max(NOON + 1_000, next.manifest.asOf));
    }
  });

  test('are not dropped in silence', async () => {
    const publishing = publishEdition(store, signer, edition(2, NOON - 1_001));
    await expect(publishing).rejects.toMatchObject({ code: 'overlay-dropped' });
    expect((await inForce()).sequence).toBe(2);
    await expect(publishEdition(store, signer, ofOtherEpoch(edition(2)))).rejects.toMatchObject({
      code: 'overlay-dropped',
    });
    const dropped = await publishEdition(store, signer, ofOtherEpoch(edition(2)), {
      dropsOverlay: true,
    });
    expect(dropped).toMatchObject({ sequence: 3, overlayLength: 0, asOf: NOON });
  });

  test('stay owed by every head until an overlay or an edition has them again', async () => {
    const reportedUntil = NOON + 1_000;
    expect(await drop(2)).toMatchObject({ overlayLength: 0, reportedUntil });
    expect(await heartbeat(store, signer)).toMatchObject({ asOf: NOON, reportedUntil });
    expect(await drop(3)).toMatchObject({ reportedUntil });
    await publishEdition(store, signer, edition(3), { dropsOverlay: true });
    expect(await put(3, NOON + 2_000)).toMatchObject({
      ...{ asOf: NOON + 2_000, reportedUntil: NOON + 2_000 },
    });
    await drop(4);
    expect(await publishEdition(store, signer, edition(5, NOON + 3_000))).toMatchObject({
      ...{ asOf: NOON + 3_000, reportedUntil: NOON + 2_000 },
    });
  });

  test('are not dropped in silence by an edition from before them, whatever came in between', async () => {
    await drop(2);
    await publishEdition(store, signer, edition(3, NOON + 2_000));
    const back = publishEdition(store, signer, edition(1));
    await expect(back).rejects.toMatchObject({ code: 'overlay-dropped' });
    expect((await inForce()).manifestSha256).toEqual(edition(3).manifestSha256);
  });

  test('are owed up to the present at most, whatever a stolen head key has said', async () => {
    await forge({ reportedUntil: Date.now() + 3_600_000 });
    const after = await heartbeat(store, signer);
    expect(after.reportedUntil).toBe(after.issuedAt);
  });

  test('stay in their overlay where it fits, though it might be dropped', async () => {
    const { overlaySha256 } = await inForce();
    const head = await publishEdition(store, signer, edition(2), { dropsOverlay: true });
    expect(head).toMatchObject({ overlaySha256, asOf: NOON + 1_000 });
  });

  test('are owed where their overlay cannot be read, up to the time of its head', async () => {
    const { overlaySha256 } = await inForce();
    rmSync(join(store.location, 'overlays', Buffer.from(overlaySha256!).toString('hex')));
    const publishing = publishEdition(store, signer, edition(2));
    await expect(publishing).rejects.toMatchObject({ code: 'page-unavailable' });
    const head = await publishEdition(store, signer, edition(2), { dropsOverlay: true });
    expect(head).toMatchObject({ overlayLength: 0, reportedUntil: NOON + 1_000 });
  });

  test('of a state whose list is older than the overlay stay only if they are in it', async () => {
    const day = 86_400_000;
    const full = await stored(NOON, { FRA: NOON, UTO: NOON });
    await publishEdition(store, signer, full);
    await putOn(full, NOON + 2_000, { from: NOON - 1_000 });
    // The list of UTO is of five days ago: the overlay has its reports of one second before noon.
    const back = await stored(NOON, { FRA: NOON, UTO: NOON - 5 * day });
    const publishing = publishEdition(store, signer, back);
    await expect(publishing).rejects.toMatchObject({
      ...{ code: 'overlay-dropped', detail: expect.stringMatching(/before those in force: UTO$/) },
    });
    const head = await publishEdition(store, signer, back, { dropsOverlay: true });
    expect(head).toMatchObject({ overlayLength: 0, asOf: NOON, reportedUntil: NOON + 2_000 });
    // An overlay for that one has them, and serves the next edition whose list of UTO is as old.
    const { overlaySha256 } = await putOn(back, NOON + 3_000, { from: NOON - 1_000 });
    const next = await stored(NOON + 1_000, { FRA: NOON + 1_000, UTO: NOON - 5 * day });
    expect(await publishEdition(store, signer, next)).toMatchObject({ overlaySha256 });
  });

  test('stay if an older list is the first of a state that did not report', async () => {
    const full = await stored(NOON, { FRA: NOON, UTO: NOON }, 'UTO');
    await publishEdition(store, signer, full);
    const { overlaySha256 } = await putOn(full, NOON + 2_000, { from: NOON - 1_000 });
    const first = await stored(NOON + 1_000, { FRA: NOON + 1_000, UTO: NOON - 86_400_000 });
    expect(await publishEdition(store, signer, first)).toMatchObject({ overlaySha256 });
  });

  test('need no overlay if the edition has them and they do not fit to it', async () => {
    expect((await publishEdition(store, signer, edition(1))).overlayLength).toBeGreaterThan(0);
    const head = await publishEdition(store, signer, ofOtherEpoch(edition(2, NOON + 1_000)));
    expect(head).toMatchObject({ sequence: 4, overlayLength: 0, asOf: NOON + 1_000 });
  });
});

describe('two publishers', () => {
  test('of editions that began at the same head: the newer data stays, else the first', async () => {
    const first = await publishEdition(store, signer, edition(1));
    const since = { since: first };
    await publishEdition(store, signer, edition(2, NOON + 1), since);
    const late = publishEdition(store, signer, edition(3, NOON + 1), since);
    await expect(late).rejects.toMatchObject({ code: 'head-moved' });
    const newer = await publishEdition(store, signer, edition(4, NOON + 2), since);
    expect(newer.sequence).toBe(3);
    // Who saw the head may put older data in force: a person decided so.
    expect((await publishEdition(store, signer, edition(3))).sequence).toBe(4);
  });

  test('of the first edition: the second is told', async () => {
    const none = { since: undefined };
    await publishEdition(store, signer, edition(1), none);
    const second = publishEdition(store, signer, edition(2), none);
    await expect(second).rejects.toMatchObject({ code: 'head-moved' });
  });

  test('an edition, overlays and heartbeats at once: every one is counted, none is lost', async () => {
    await publishEdition(store, signer, edition(1));
    const overlays = [1, 2, 3].map((second) =>
      put(1, NOON + second * 1_000).catch((error) => error.code),
    );
    const beats = Array.from({ length: 6 }, () => heartbeat(store, signer));
    const heads = [...(await Promise.all(overlays)), ...(await Promise.all(beats))];
    const moved = heads.filter((head) => head === 'head-moved').length;
    // A later one may have been quicker; then the earlier is refused, and its reports are in it.
    expect(await inForce()).toMatchObject({ sequence: 4 - moved, asOf: NOON + 3_000 });
  });
});

describe('a permit', () => {
  test('is made newer than the one in force, also by a clock that is behind', async () => {
    const ahead = Date.now() + 3_600_000;
    const permit = await (edition(1).permit as Permitting)(ahead);
    const first = await publishEdition(store, signer, { ...edition(1), permit });
    expect(first.permittedAt).toBe(ahead + 1);
    const second = await publishEdition(store, signer, edition(2));
    expect(second.permittedAt).toBe(ahead + 2);
  });

  test('that is older than the one in force does not come in force', async () => {
    const older = await (edition(1).permit as Permitting)(0);
    await setTimeout(2);
    await publishEdition(store, signer, edition(2));
    const work = publishEdition(store, signer, { ...edition(1), permit: older });
    await expect(work).rejects.toMatchObject({ code: 'head-moved' });
    expect((await inForce()).manifestSha256).toEqual(edition(2).manifestSha256);
  });

  test('bounds the head, and once it has ended nobody but the edition key goes on', async () => {
    const soon = Date.now() + 300;
    const { collection, manifestSha256, manifestLength } = edition(1);
    const content = { collection, manifestSha256, manifestLength };
    const permit = await signObject(
      encodePermit({ ...content, issuedAt: 1, notAfter: soon }),
      keys.edition,
    );
    const head = await publishEdition(store, signer, { ...edition(1), permit });
    expect(head.notAfter).toBe(soon);
    await setTimeout(soon - Date.now() + 1);
    await expect(heartbeat(store, signer)).rejects.toMatchObject({ code: 'edition-expired' });
    expect((await publishEdition(store, signer, edition(1))).notAfter).toBeGreaterThan(soon);
  });
});

describe('a head of a time or sequence that no reader can have taken', () => {
  const hour = 3_600_000;

  test('stops nobody who publishes after it', async () => {
    await publishEdition(store, signer, edition(1));
    await forge({ issuedAt: Date.now() + 24 * 30 * hour, sequence: 2 ** 52 });
    const heads = [
      await heartbeat(store, signer),
      await put(1, NOON + 1_000),
      await publishEdition(store, signer, edition(2)),
    ];
    for (const { issuedAt, sequence } of heads) {
      expect(Math.abs(issuedAt - Date.now())).toBeLessThan(60_000);
      expect(sequence).toBeLessThanOrEqual(sequenceMax(Date.now() + 62_000));
    }
  });

  test('does not make the data newer, once there is an overlay', async () => {
    await publishEdition(store, signer, edition(1));
    await forge({ asOf: NOON + 365 * 24 * hour });
    expect((await put(1, NOON + 1_000)).asOf).toBe(NOON + 1_000);
  });
});

describe('a heartbeat after a theft of the head key', () => {
  test('takes the times of the data from edition and overlay', async () => {
    const reference = await stored(NOON);
    await publishEdition(store, signer, reference);
    await forge({ asOf: NOON + 5_000, reportedUntil: NOON + 5_000 });
    expect(await heartbeat(store, signer, { above: 9 })).toMatchObject({
      ...{ sequence: 10, asOf: NOON, reportedUntil: 0 },
    });
    await putOn(reference, NOON + 1_000);
    await forge({ asOf: NOON + 5_000, reportedUntil: 0 });
    expect(await heartbeat(store, signer, { above: 1 })).toMatchObject({
      ...{ sequence: 11, asOf: NOON + 1_000, reportedUntil: NOON + 1_000 },
    });
  });

  test('lifts the sequence above what readers were made to see, and no further', async () => {
    await publishEdition(store, signer, await stored(NOON));
    expect((await heartbeat(store, signer, { above: 5_000 })).sequence).toBe(5_001);
    expect((await heartbeat(store, signer, { above: 5_000 })).sequence).toBe(5_001);
    const beyond = heartbeat(store, signer, { above: sequenceMax(Date.now()) + 10 });
    await expect(beyond).rejects.toMatchObject({ code: 'edition-jump' });
    expect((await inForce()).sequence).toBe(5_001);
  });

  test('replaces a head by the old key, which the publisher still knows', async () => {
    await publishEdition(store, signer, await stored(NOON));
    const { head: key, jwk } = await makeTestKeys();
    const next = { key, trusted: await verifyKeys(`${jwk.head.x},${keys.jwk.head.x}`) };
    const head = await heartbeat(store, next, { above: 1 });
    expect(head.sequence).toBe(2);
    await expect(heartbeat(store, signer)).rejects.toMatchObject({ code: 'format-signature' });
  });
});

describe('history', () => {
  test('has every head whose edition was replaced, as it was last in force', async () => {
    const first = await publishEdition(store, signer, edition(1));
    const beat = await heartbeat(store, signer);
    await publishEdition(store, signer, edition(2));
    const entries = await store.list('history');
    const heads = await Promise.all(
      entries.map(async ({ name }) => decodeHead((await store.get(name, HEAD_BYTES))!.bytes)),
    );
    expect(heads).toEqual([beat]);
    expect(heads[0]!.manifestSha256).toEqual(first.manifestSha256);
  });
});

test('a store of another collection, or with a head of an unknown key, is left alone', async () => {
  await publishEdition(store, signer, edition(1));
  const other = edition(2, NOON, 'other');
  const work = publishEdition(store, signer, other);
  await expect(work).rejects.toMatchObject({ code: 'config-invalid' });
  const { head } = await makeTestKeys();
  const stranger = { key: head, trusted: await verifyKeys((await makeTestKeys()).jwk.head.x!) };
  await expect(heartbeat(store, stranger)).rejects.toMatchObject({ code: 'format-signature' });
});
