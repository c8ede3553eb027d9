/** From the operation log to an overlay in force, on every database. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import type { DirectoryStore } from '../../../publish/directory-store.ts';
import { readHead } from '../../../publish/head.ts';
import { readObject } from '../../../publish/read-object.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import { openOverlay } from '../../../src/format/overlay.ts';
import { verifyKeys, verifyObject } from '../../../src/format/signature.ts';
import { databaseKinds } from '../../support/postgres.ts';
import {
  AS_OF,
  HOUR,
  headSigner,
  keyOf,
  keys,
  MINUTE,
  NOW,
  OTHER_EPOCH_KEY,
  OverlayWorld,
} from './overlay-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

describe.each(kinds)('the publisher on $name', ({ create }) => {
  let world: OverlayWorld;
  let db: CentralDatabase;
  let store: DirectoryStore;
  beforeEach(async () => {
    world = new OverlayWorld(await create());
    ({ db, store } = world);
  });
  afterEach(() => world.remove());

  const publisher: OverlayWorld['publisher'] = (options) => world.publisher(options);
  const putEdition: OverlayWorld['putEdition'] = (...edition) => world.putEdition(...edition);
  const report: OverlayWorld['report'] = (...operations) => world.report(...operations);
  const inForce: OverlayWorld['inForce'] = () => world.inForce();

  it('publishes every operation since the edition, and of a day and two hours before', async () => {
    await report({ key: keyOf(1), at: AS_OF - 26 * HOUR - 1 });
    await report({ key: keyOf(2), at: AS_OF - 26 * HOUR });
    await report({ key: keyOf(3) }, { key: keyOf(4), kind: 'withdrawn' });
    await putEdition();
    expect(await (await publisher()).tick()).toBe('published');
    const { head, overlay, find } = await inForce();
    expect(head).toMatchObject({ sequence: 2, asOf: NOW - MINUTE / 2 });
    expect(overlay).toMatchObject({ lastOperation: 4, from: AS_OF - 26 * HOUR, rowCount: 3 });
    expect(find(keyOf(1))).toBeUndefined();
    expect(find(keyOf(2))).toEqual({ kind: 'added', category: 1 });
    expect(find(keyOf(3))).toEqual({ kind: 'added', category: 1 });
    expect(find(keyOf(4))).toEqual({ kind: 'withdrawn', category: 0 });
  });

  it('has nothing to say twice, but says so once a minute', async () => {
    await putEdition();
    const one = await publisher();
    expect(await one.tick()).toBe('published');
    expect(await one.tick()).toBe('unchanged');
    world.nowMs += MINUTE - 1;
    expect(await one.tick()).toBe('unchanged');
    world.nowMs += 1;
    expect(await one.tick()).toBe('published');
    const { head, overlay } = await inForce();
    expect([head.sequence, head.asOf, overlay.rowCount]).toEqual([3, world.nowMs - MINUTE / 2, 0]);
  });

  it('writes what is new as a segment, and all again when that grows long', async () => {
    await report({ key: keyOf(1) }, { key: keyOf(2) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    expect((await inForce()).overlay).toMatchObject({ base: undefined, rowCount: 2 });
    const shapes: [number, number][] = [];
    for (let number = 3; number < 8; number++) {
      // The second is known as well: its row in the segment is the newer word.
      await report({ key: keyOf(number) }, { key: keyOf(2), category: 'stolen' });
      expect(await one.tick()).toBe('published');
      const { overlay, find } = await inForce();
      shapes.push([overlay.rowCount, overlay.operationCount]);
      for (let known = 1; known <= number; known++) expect(find(keyOf(known))).toBeDefined();
      expect(find(keyOf(2))).toEqual({ kind: 'added', category: 4 });
    }
    expect(shapes).toEqual([
      [2, 4],
      [3, 5],
      [5, 5],
      [2, 7],
      [3, 8],
    ]);
  });

  it('goes on from what is in force after it was killed', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    await (await publisher()).tick();
    await report({ key: keyOf(2) });
    const next = await publisher();
    expect(await next.tick()).toBe('published');
    expect((await inForce()).overlay).toMatchObject({ rowCount: 1, operationCount: 2 });
    expect(await (await publisher()).tick()).toBe('unchanged');
  });

  it('keeps all reports when a new edition comes, then leaves out those that it has', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    world.nowMs += 27 * HOUR;
    await report({ key: keyOf(2) });
    await putEdition({ asOf: AS_OF + 28 * HOUR });
    // No moment without the report: the head came with the overlay of before.
    expect((await inForce()).find(keyOf(1))).toBeDefined();
    expect(await one.tick()).toBe('published');
    const { overlay, find } = await inForce();
    expect(overlay).toMatchObject({ from: AS_OF + 2 * HOUR, lastOperation: 2, rowCount: 1 });
    expect([find(keyOf(1)), find(keyOf(2))]).toEqual([undefined, { kind: 'added', category: 1 }]);
  });

  it('reaches back again when the edition before comes back', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    world.nowMs += 24 * HOUR;
    await putEdition({ asOf: AS_OF + 24 * HOUR });
    await one.tick();
    expect((await inForce()).overlay.from).toBe(AS_OF - 2 * HOUR);
    await putEdition({ asOf: AS_OF });
    expect((await inForce()).find(keyOf(1))).toBeDefined();
    await one.tick();
    expect((await inForce()).overlay.from).toBe(AS_OF - 26 * HOUR);
  });

  it('goes back further for a state whose list is older than the edition', async () => {
    const old = AS_OF - 30 * HOUR;
    await report({ key: keyOf(1), at: old }, { key: 'PFRANEW1' as CanonicalKey, at: old });
    await putEdition({ stateAsOf: { UTO: AS_OF - 10 * HOUR } });
    await (await publisher()).tick();
    const { find } = await inForce();
    expect(find(keyOf(1))).toBeDefined();
    expect(find('PFRANEW1' as CanonicalKey)).toBeUndefined();
  });

  it('makes a whole one for an edition that goes back to an older list of a state', async () => {
    await report({ key: keyOf(1), at: AS_OF - 5 * 24 * HOUR });
    await putEdition();
    const one = await publisher();
    await one.tick();
    expect((await inForce()).find(keyOf(1))).toBeUndefined();
    // Both editions are of one time: nothing else tells that an operation is missing.
    const stateAsOf = { UTO: AS_OF - 5 * 24 * HOUR };
    await putEdition({ stateAsOf }, keys.epochKey, { dropsOverlay: true });
    await one.tick();
    const { head, find } = await inForce();
    expect(find(keyOf(1))).toBeDefined();
    expect(head.asOf).toBeGreaterThanOrEqual(head.reportedUntil);
  });

  it('makes digests under the epoch key of the edition', async () => {
    await report({ key: keyOf(1) });
    await putEdition({}, OTHER_EPOCH_KEY);
    await (await publisher()).tick();
    const { find } = await inForce();
    expect(find(keyOf(1), OTHER_EPOCH_KEY)).toBeDefined();
    expect(find(keyOf(1))).toBeUndefined();
  });

  it('makes good what is owed after a change of the epoch key', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    const owing = await putEdition({}, OTHER_EPOCH_KEY, { dropsOverlay: true });
    expect(owing.asOf).toBeLessThan(owing.reportedUntil);
    expect(await one.tick()).toBe('published');
    const { head, find } = await inForce();
    expect(head.asOf).toBeGreaterThanOrEqual(head.reportedUntil);
    expect(find(keyOf(1), OTHER_EPOCH_KEY)).toBeDefined();
  });

  it('of two, one moves the head and nothing is lost', async () => {
    await putEdition();
    const both = [await publisher(), await publisher()];
    for (let number = 1; number <= 5; number++) {
      await report({ key: keyOf(number) });
      const outcomes = await Promise.all(both.map((one) => one.tick()));
      expect(outcomes).toContain('published');
      const { overlay, find } = await inForce();
      expect(overlay.lastOperation).toBe(number);
      for (let known = 1; known <= number; known++) expect(find(keyOf(known))).toBeDefined();
    }
  });

  it('stops when the log lacks what is published, as after a restored backup', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    await db.updateTable('operation_counter').set({ last_seq: 0 }).execute();
    await db.deleteFrom('operations').execute();
    await expect((await publisher()).tick()).rejects.toMatchObject({
      code: 'operation-log-behind',
    });
    expect((await inForce()).find(keyOf(1))).toBeDefined();
  });

  it('stops then also after the overlay was dropped, and goes on once the log has them again', async () => {
    await report({ key: keyOf(1) }, { key: keyOf(2) });
    await putEdition();
    await (await publisher()).tick();
    const owing = await putEdition({}, OTHER_EPOCH_KEY, { dropsOverlay: true });
    await db.updateTable('operation_counter').set({ last_seq: 1 }).execute();
    await db.deleteFrom('operations').where('seq', '=', 2).execute();
    const one = await publisher();
    await expect(one.tick()).rejects.toMatchObject({ code: 'operation-log-behind' });
    expect(await readHead(store, headSigner.trusted)).toEqual(owing);
    await report({ key: keyOf(2) });
    expect(await one.tick()).toBe('published');
    expect((await inForce()).find(keyOf(2), OTHER_EPOCH_KEY)).toBeDefined();
  });

  it('waits for the first edition, and leaves another collection alone', async () => {
    const one = await publisher();
    expect(await one.tick()).toBe('no-edition');
    await putEdition({ collection: 'tdawn' });
    await expect(one.tick()).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('notes what is visible, once for each head', async () => {
    await report({ key: keyOf(1) });
    await putEdition();
    const one = await publisher();
    await one.tick();
    const noted = () => db.selectFrom('overlay_publications').selectAll().execute();
    const first = { collection: 'sltd', sequence: 2, last_operation: 1, published_at: NOW };
    expect(await noted()).toEqual([first]);
    world.nowMs += 1_000;
    await one.tick();
    expect(await noted()).toEqual([first]);
  });

  it('signs overlays that only the key of overlays can have signed', async () => {
    await putEdition();
    await (await publisher()).tick();
    const { head } = await inForce();
    const name = { sha256: head.overlaySha256!, length: head.overlayLength };
    const bytes = await readObject(store, 'overlays', name);
    expect(openOverlay(bytes).rowCount).toBe(0);
    await verifyObject(bytes, await verifyKeys(keys.jwk.overlay.x!));
    const wrong = await verifyKeys(keys.jwk.head.x!);
    await expect(verifyObject(bytes, wrong)).rejects.toMatchObject({ code: 'format-signature' });
  });
});
