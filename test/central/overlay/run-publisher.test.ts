/** The publisher as a process, over minutes of a clock that is moved by hand. */

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { overlayConfig } from '../../../central/config.ts';
import { migrate } from '../../../central/database/migrations.ts';
import {
  type RunOptions,
  runPublisher,
  type Timing,
} from '../../../central/overlay/run-publisher.ts';
import { toHex } from '../../../src/format/names.ts';
import { type BreakableDatabase, breakable } from '../../support/breakable-database.ts';
import { databaseKinds } from '../../support/postgres.ts';
import { HOUR, keyOf, keys, MINUTE, NOW, OverlayWorld } from './overlay-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const STEP_MS = 500;

/** Both loops of the publisher sleep here; time goes on once they all do. */
class MovedTime implements Timing {
  /** Loops that go to sleep; one that hangs does not. */
  loopCount = 2;
  readonly #world: OverlayWorld;
  readonly #sleepers = new Set<{ wakeAt: number; wake: () => void }>();

  constructor(world: OverlayWorld) {
    this.#world = world;
  }

  now(): number {
    return this.#world.nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((wake) => {
      this.#sleepers.add({ wakeAt: this.now() + ms, wake });
      signal.addEventListener('abort', () => wake());
    });
  }

  /** Lets time go by in steps; `look` is called after each. */
  async pass(ms: number, look: () => Promise<void> | void = () => {}): Promise<void> {
    for (const end = this.now() + ms; this.now() < end; ) {
      await this.#allAsleep();
      this.#world.nowMs += STEP_MS;
      vi.setSystemTime(this.now());
      for (const sleeper of this.#sleepers) {
        if (sleeper.wakeAt > this.now()) continue;
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
      await this.#allAsleep();
      await look();
    }
  }

  async #allAsleep(): Promise<void> {
    while (this.#sleepers.size < this.loopCount) await setImmediate();
  }
}

describe.each(kinds)('the process that publishes, on $name', ({ create }) => {
  let world: OverlayWorld;
  let way: BreakableDatabase;
  let time: MovedTime;
  let outcomes: string[];
  let stopped: AbortController;
  let running: Promise<void>;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const database = await create();
    world = new OverlayWorld(database);
    way = await breakable(database);
    time = new MovedTime(world);
    outcomes = [];
    stopped = new AbortController();
    running = Promise.resolve();
  });
  afterEach(async () => {
    vi.useRealTimers();
    stopped.abort();
    if (time.loopCount === 2) await running.catch(() => {});
    await way.close();
    await world.remove();
  });

  /** Starts it with the settings that it has by itself. */
  const start = async (options: Partial<RunOptions> = {}) => {
    const settings = await overlayConfig({
      ...{ EDITION_STORE: world.store.location, EPOCH_KEYS: toHex(keys.epochKey) },
      ...{
        OVERLAY_SIGNING_KEY: JSON.stringify(keys.jwk.overlay),
        OVERLAY_KEYS: keys.jwk.overlay.x,
      },
      ...{ HEAD_SIGNING_KEY: JSON.stringify(keys.jwk.head), HEAD_KEYS: keys.jwk.head.x },
      EDITION_KEYS: keys.jwk.edition.x,
    });
    running = runPublisher({
      ...{ db: way.db, publisher: await world.publisher({ db: way.db }), prepare: async () => {} },
      ...{ pollMs: settings.pollMs, intervalMs: settings.intervalMs },
      ...{ signal: stopped.signal, timing: time },
      onTick: (outcome) => outcomes.push(typeof outcome === 'string' ? outcome : outcome.failure),
      ...options,
    });
    running.catch(() => {});
  };

  /** The greatest age of the head while so much time goes by. */
  const oldestHead = async (ms: number) => {
    let oldest = 0;
    await time.pass(ms, async () => {
      oldest = Math.max(oldest, world.nowMs - (await world.head()).issuedAt);
    });
    return oldest;
  };

  /** The database is there, and does not let the publisher read. */
  const refuseReading = () =>
    world.db.schema.alterTable('operation_counter').renameTo('refused').execute();
  const letRead = () =>
    world.db.schema.alterTable('refused').renameTo('operation_counter').execute();

  it('has every report in a head at most 10 s after it, whenever it comes', async () => {
    await world.putEdition();
    await start();
    // Right after a publication is the worst moment, so the first ones have no pause between them.
    for (const [index, pause] of [0, 0, 0, 500, 1_500, 9_500, 61_000].entries()) {
      await time.pass(pause);
      await world.report({ key: keyOf(index) });
      const reportedAt = world.nowMs;
      const isPublished = async () => {
        const { overlaySha256 } = await world.head();
        return (
          overlaySha256 !== undefined && (await world.inForce()).find(keyOf(index)) !== undefined
        );
      };
      while (world.nowMs - reportedAt <= 10_000 && !(await isPublished())) await time.pass(STEP_MS);
      expect(world.nowMs - reportedAt, `report ${index}`).toBeLessThanOrEqual(10_000);
    }
  });

  it('signs the head every minute while nothing is reported, and the data stay as new', async () => {
    await world.putEdition();
    await start();
    await time.pass(1_000);
    // A minute, and the time between two looks.
    expect(await oldestHead(4 * MINUTE)).toBeLessThanOrEqual(70_000);
    const { asOf } = await world.head();
    expect(world.nowMs - asOf).toBeLessThanOrEqual(2 * MINUTE);
    expect(new Set(outcomes)).toEqual(new Set(['published']));
  });

  it('while the database is away it signs what is in force, changes nothing else, and says so', async () => {
    await world.report({ key: keyOf(1) });
    await world.putEdition();
    await start();
    await time.pass(1_000);
    const { issuedAt: _, notAfter: __, ...inForce } = await world.head();
    await way.takeAway();
    outcomes.length = 0;
    expect(await oldestHead(4 * MINUTE)).toBeLessThanOrEqual(75_000);
    expect(await world.head()).toMatchObject(inForce);
    expect(new Set(outcomes)).toEqual(new Set(['internal', 'signed']));
    await way.bringBack();
    await world.report({ key: keyOf(2) });
    await time.pass(20_000);
    expect((await world.inForce()).find(keyOf(2))).toBeDefined();
  });

  it('does the same when it starts while the database is away, and catches up after', async () => {
    await world.report({ key: keyOf(1) });
    await world.putEdition();
    await way.takeAway();
    await start({ prepare: () => migrate(way.db) });
    expect(await oldestHead(3 * MINUTE)).toBeLessThanOrEqual(75_000);
    expect((await world.head()).overlaySha256).toBeUndefined();
    await way.bringBack();
    await time.pass(20_000);
    expect((await world.inForce()).find(keyOf(1))).toBeDefined();
  });

  it('signs nothing over data that are complete up to more than a day ago, also after a restart', async () => {
    await world.putEdition();
    await (await world.publisher()).tick();
    const { asOf } = await world.head();
    await way.takeAway();
    world.nowMs = asOf + 24 * HOUR - 3 * MINUTE;
    await start();
    await time.pass(8 * MINUTE);
    const { issuedAt } = await world.head();
    expect(issuedAt).toBeGreaterThan(asOf + 24 * HOUR - 3 * MINUTE);
    expect(issuedAt).toBeLessThanOrEqual(asOf + 24 * HOUR);
  });

  it('signs nothing while the database is there and refuses, and reports are taken', async () => {
    await world.putEdition();
    await start();
    await time.pass(1_000);
    await refuseReading();
    const before = await world.head();
    await time.pass(4 * MINUTE);
    expect(await world.head()).toEqual(before);
    await letRead();
    await world.report({ key: keyOf(1) });
    await time.pass(20_000);
    expect((await world.inForce()).find(keyOf(1))).toBeDefined();
  });

  it('signs nothing either when the database goes away after that, until it has published again', async () => {
    await world.putEdition();
    await start();
    await time.pass(1_000);
    const before = await world.head();
    await world.report({ key: keyOf(1) });
    await refuseReading();
    await time.pass(MINUTE);
    await way.takeAway();
    outcomes.length = 0;
    await time.pass(4 * MINUTE);
    expect(await world.head()).toEqual(before);
    expect(new Set(outcomes)).toEqual(new Set(['internal']));
    await way.bringBack();
    await letRead();
    await time.pass(20_000);
    expect((await world.inForce()).find(keyOf(1))).toBeDefined();
    await way.takeAway();
    expect(await oldestHead(3 * MINUTE)).toBeLessThanOrEqual(75_000);
  });

  it('signs nothing over a log that has reports and cannot be published', async () => {
    await world.report({ key: keyOf(1) });
    await world.putEdition();
    await (await world.publisher()).tick();
    const before = await world.head();
    await world.db.updateTable('operation_counter').set({ last_seq: 0 }).execute();
    await world.db.deleteFrom('operations').execute();
    await start();
    await time.pass(3 * MINUTE);
    expect(new Set(outcomes)).toEqual(new Set(['operation-log-behind']));
    await way.takeAway();
    await time.pass(3 * MINUTE);
    expect(await world.head()).toEqual(before);
  });

  it('does the same when the database never answers', async () => {
    await world.report({ key: keyOf(1) });
    await world.putEdition();
    await (await world.publisher()).tick();
    const { asOf, sequence } = await world.head();
    time.loopCount = 1;
    const publisher = await world.publisher({ db: way.db });
    const tick = () => new Promise<never>(() => {});
    await start({ publisher: { tick, keepSigned: (ageMs) => publisher.keepSigned(ageMs) } });
    expect(await oldestHead(3 * MINUTE)).toBeLessThanOrEqual(75_000);
    expect(await world.head()).toMatchObject({ asOf, sequence });
  });

  it('signs no head whose overlay cannot be proved', async () => {
    await world.report({ key: keyOf(1) });
    await world.putEdition();
    await (await world.publisher()).tick();
    const before = await world.head();
    const folder = join(world.store.location, 'overlays');
    const path = join(folder, readdirSync(folder)[0]!);
    writeFileSync(path, new Uint8Array(before.overlayLength));
    await start();
    await time.pass(3 * MINUTE);
    expect(await world.head()).toEqual(before);
    expect(new Set(outcomes)).toEqual(new Set(['format-digest']));
  });

  it('ends where waiting mends nothing: in a store of another list', async () => {
    await world.putEdition({ collection: 'tdawn' });
    await start();
    await expect(running).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
