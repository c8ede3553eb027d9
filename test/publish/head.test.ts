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
import { decodeHead, encodeHead, sequenceMax } from '../../src/format/head.ts';
import { HEAD_BYTES } from '../../src/format/layout.ts';
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
  const manifest = { manifestSha256: new Uint8Array(32).fill(name), manifestLength: 1_000 };
  const permit = permittingBy(keys.edition, { collection, ...manifest });
  return { collection, ...manifest, asOf, epochKeyId: new Uint8Array(16), permit };
};

const overlayOf = (asOf: number, { from = NOON - 1_000 } = {}): Promise<Uint8Array> =>
  signObject(
    encodeOverlay({
      ...{ epochKeyId: new Uint8Array(16), collection: 'sltd', from, asOf, lastOperation: 1 },
      operations: [{ digest: new Uint8Array(16).fill(7), kind: 'added', category: 4 }],
    }),
    keys.overlay,
  );

const put = async (name: number, asOf: number) => {
  const { manifestSha256 } = edition(name);
  return publishOverlay(store, signer, { overlay: await overlayOf(asOf), manifestSha256 });
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

describe('reports that are newer than an edition', () => {
  beforeEach(async () => {
    await publishEdition(store, signer, edition(1));
    await put(1, NOON + 1_000);
  });

  test('stay with the next edition, and with the one before if they begin early enough', async () => {
    const { overlaySha256 } = await inForce();
    for (const next of [edition(2, NOON + 2_000), edition(3), edition(4, NOON - 1_000)]) {
      const head = await publishEdition(store, signer, next);
      expect(head.overlaySha256).toEqual(overlaySha256);
      expect(head.asOf).toBe(Math.max(NOON + 1_000, next.asOf));
    }
  });

  test('are not dropped in silence', async () => {
    const publishing = publishEdition(store, signer, edition(2, NOON - 1_001));
    await expect(publishing).rejects.toMatchObject({ code: 'overlay-dropped' });
    expect((await inForce()).sequence).toBe(2);
    const otherEpoch = { ...edition(2), epochKeyId: new Uint8Array(16).fill(1) };
    await expect(publishEdition(store, signer, otherEpoch)).rejects.toMatchObject({
      code: 'overlay-dropped',
    });
    const dropped = await publishEdition(store, signer, edition(2), { dropsOverlay: true });
    expect(dropped).toMatchObject({ sequence: 3, overlayLength: 0, asOf: NOON });
  });

  test('stay owed by every head until an overlay or an edition has them again', async () => {
    const reportedUntil = NOON + 1_000;
    const drop = { dropsOverlay: true };
    expect(await publishEdition(store, signer, edition(2), drop)).toMatchObject({ reportedUntil });
    expect(await heartbeat(store, signer)).toMatchObject({ asOf: NOON, reportedUntil });
    expect(await publishEdition(store, signer, edition(3), drop)).toMatchObject({ reportedUntil });
    expect(await put(3, NOON + 2_000)).toMatchObject({
      ...{ asOf: NOON + 2_000, reportedUntil: NOON + 2_000 },
    });
    await publishEdition(store, signer, edition(4), drop);
    expect(await publishEdition(store, signer, edition(5, NOON + 3_000))).toMatchObject({
      ...{ asOf: NOON + 3_000, reportedUntil: NOON + 2_000 },
    });
  });

  test('are not dropped in silence by an edition from before them, whatever came in between', async () => {
    await publishEdition(store, signer, edition(2), { dropsOverlay: true });
    await publishEdition(store, signer, edition(3, NOON + 2_000));
    const back = publishEdition(store, signer, edition(1));
    await expect(back).rejects.toMatchObject({ code: 'overlay-dropped' });
    expect((await inForce()).manifestSha256).toEqual(edition(3).manifestSha256);
  });

  test('are owed up to the present at most, whatever a stolen head key has said', async () => {
    const before = await inForce();
    const forged = encodeHead({ ...before, reportedUntil: Date.now() + 3_600_000 });
    const object = (await store.get('head', HEAD_BYTES))!;
    await store.replaceHead(await signObject(forged, keys.head), object.version);
    const after = await heartbeat(store, signer);
    expect(after.reportedUntil).toBe(after.issuedAt);
  });

  test('need no overlay if the edition has them and they do not fit to it', async () => {
    expect((await publishEdition(store, signer, edition(1))).overlayLength).toBeGreaterThan(0);
    const epochKeyId = new Uint8Array(16).fill(1);
    const next = { ...edition(2, NOON + 1_000), epochKeyId };
    const head = await publishEdition(store, signer, next);
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

describe('a heartbeat after a theft of the head key', () => {
  test('lifts the sequence above what readers were made to see, and no further', async () => {
    await publishEdition(store, signer, edition(1));
    expect((await heartbeat(store, signer, { above: 5_000 })).sequence).toBe(5_001);
    expect((await heartbeat(store, signer, { above: 5_000 })).sequence).toBe(5_001);
    const beyond = heartbeat(store, signer, { above: sequenceMax(Date.now()) + 10 });
    await expect(beyond).rejects.toMatchObject({ code: 'edition-jump' });
    expect((await inForce()).sequence).toBe(5_001);
  });

  test('replaces a head by the old key, which the publisher still knows', async () => {
    await publishEdition(store, signer, edition(1));
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
