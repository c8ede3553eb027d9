/** How new an edition has to be for an isolate that has just begun: Durable Object and settings. */

import { env as bindings } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/world.ts';
import { HEAD_NAME } from '../../src/format/names.ts';
import type { FloorObject } from '../../src/store/floor-object.ts';
import { makeTestKeys } from '../support/edition.ts';
import { bucket, Edge, OTHER_FIELDS, SPECIMEN_FIELDS } from './edge.ts';

const { FLOORS } = bindings as unknown as { FLOORS: DurableObjectNamespace<FloorObject> };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let names = 0;
/** A namespace whose object nobody has seen yet, whatever the collection. */
function ownFloors(): NonNullable<Env['FLOORS']> {
  const name = `test-${names++}`;
  return { getByName: () => FLOORS.getByName(name) };
}

/** One deployment: an old head that was kept by somebody, and a newer one that many have seen. */
async function deployment() {
  const keys = await makeTestKeys();
  const now = Date.now();
  const options = { keys, withoutCentral: true };
  const first = await Edge.start({ ...options, spec: { sequence: 1, issuedAt: now - HOUR_MS } });
  const old = await (await bucket.get(HEAD_NAME))!.arrayBuffer();
  await first.publish({ sequence: 2 });
  const restart = (env: Partial<Env>) => {
    // Only the head goes back: everything that it names is still there.
    const get = async (name: string) => {
      if (name === HEAD_NAME) return new Uint8Array(old.slice(0));
      const object = await bucket.get(name);
      return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
    };
    return Edge.start({ ...options, env, spec: { sequence: 2 }, source: () => ({ get }) });
  };
  return { keys, now, options, restart };
}

/** Status, or the code where there is none, and why the last look failed. */
async function stateOf(edge: Edge) {
  const { answer } = await edge.ask(OTHER_FIELDS);
  return [answer.status, edge.services.main.editions.lastFailure];
}

describe('the object that keeps the floor', () => {
  it('lets it rise and never fall, whoever comes first', async () => {
    const object = FLOORS.getByName('rises');
    const at = (sequence: number, permittedAt = 5, overlayAsOf = 0) => ({
      ...{ sequence, permittedAt, overlayAsOf },
    });
    expect(await object.raise(at(0, 0))).toEqual(at(0, 0));
    expect(await object.raise(at(7))).toEqual(at(7));
    expect(await object.raise(at(6))).toEqual(at(7));
    const said = [3, 9, 8, 1].map((sequence) => object.raise(at(sequence)));
    await Promise.all(said);
    expect(await object.raise(at(0))).toEqual(at(9));
    expect(await object.raise(at(9, 5, 40))).toEqual(at(9, 5, 40));
    expect(await object.raise(at(9, 5, 30))).toEqual(at(9, 5, 40));
    // A newer permit begins a new row of overlays; an older one changes nothing.
    expect(await object.raise(at(9, 6, 10))).toEqual(at(9, 6, 10));
    expect(await object.raise(at(9, 5, 50))).toEqual(at(9, 6, 10));
  });

  it('is not changed by what is no floor, and each collection has its own', async () => {
    const object = FLOORS.getByName('refuses');
    const floor = { sequence: 3, permittedAt: 3, overlayAsOf: 3 };
    await object.raise(floor);
    for (const bad of [
      undefined,
      4,
      { sequence: 9 },
      { ...floor, sequence: -1 },
      { ...floor, sequence: '9' },
    ]) {
      expect(await object.raise(bad as never)).toEqual(floor);
    }
    expect(await FLOORS.getByName('another').raise(NOTHING)).toEqual(NOTHING);
  });
});

describe('an isolate that has just begun', () => {
  it('takes nothing older than what another has told', async () => {
    const { options, restart } = await deployment();
    const env = { FLOORS: ownFloors() };
    const warm = await Edge.start({ ...options, env, spec: { sequence: 2 } });
    expect(await stateOf(warm)).toEqual(['clear', undefined]);
    await expect
      .poll(
        async () =>
          ((await env.FLOORS.getByName('sltd').raise(NOTHING)) as { sequence: number }).sequence,
      )
      .toBe(2);
    expect(await stateOf(await restart(env))).toEqual(['unknown', 'edition-rollback']);
  });

  it('would take the old head while it may be answered from, if nobody had told', async () => {
    const { restart } = await deployment();
    expect(await stateOf(await restart({}))).toEqual(['clear', undefined]);
  });

  it('takes nothing older than what it was deployed with', async () => {
    const { now, restart } = await deployment();
    expect(await stateOf(await restart({ SEQUENCE_FLOOR: '2' }))).toEqual([
      ...['unknown', 'edition-rollback'],
    ]);
    const PERMIT_FLOOR = new Date(now - MINUTE_MS).toISOString();
    expect(await stateOf(await restart({ PERMIT_FLOOR }))).toEqual(['unknown', 'edition-rollback']);
    for (const env of [
      { SEQUENCE_FLOOR: '-1' },
      { SEQUENCE_FLOOR: 'x' },
      { PERMIT_FLOOR: 'yesterday' },
      { OVERLAY_FLOOR: '2026-01-01' },
    ]) {
      await expect(Edge.start({ env })).rejects.toMatchObject({ code: 'config-invalid' });
    }
  });

  const silent = {
    'is away': () => Promise.reject(new Error('no object')),
    hangs: () => new Promise<never>(() => {}),
    'says what is no floor': async () => 'seven',
  };

  it.each(Object.entries(silent))(
    'takes only a head signed just now if the object %s, until it is told',
    async (_, raise) => {
      const { options, restart } = await deployment();
      const env = { FLOORS: { getByName: () => ({ raise }) } };
      // An hour old: it might be below a floor that is not known.
      expect(await stateOf(await restart(env))).toEqual(['unknown', 'floor-unavailable']);
      const fresh = await Edge.start({ ...options, env, spec: { sequence: 2 } });
      expect(await stateOf(fresh)).toEqual(['clear', undefined]);
    },
  );

  it('gives up an edition, taken in good faith, that turns out to be below the floor', async () => {
    const { options } = await deployment();
    const floors = ownFloors();
    let isAway = true;
    const env = {
      FLOORS: {
        getByName: (name: string) => ({
          raise: (floor: Parameters<FloorObject['raise']>[0]) =>
            isAway ? Promise.reject(new Error('away')) : floors.getByName(name).raise(floor),
        }),
      },
    };
    const edge = await Edge.start({ ...options, env, spec: { sequence: 2 } });
    expect(await stateOf(edge)).toEqual(['clear', undefined]);
    await floors.getByName('sltd').raise({ ...NOTHING, sequence: 3 });
    isAway = false;
    await edge.services.main.editions.poll(() => {});
    expect(await stateOf(edge)).toEqual(['unknown', 'edition-rollback']);
    await edge.publish({ sequence: 3 });
    edge.passSeconds(2);
    expect(await stateOf(edge)).toEqual(['clear', undefined]);
  });

  it('tells the object once a minute at most, and only of what is new', async () => {
    let told = 0;
    const floors = ownFloors();
    const env = {
      FLOORS: {
        getByName: (name: string) => ({
          raise: (floor: Parameters<FloorObject['raise']>[0]) => {
            told++;
            return floors.getByName(name).raise(floor);
          },
        }),
      },
    };
    const { options } = await deployment();
    const edge = await Edge.start({ ...options, env, spec: { sequence: 2 } });
    const polled = async () => {
      const work: Promise<unknown>[] = [];
      await edge.services.main.editions.poll((each) => work.push(each));
      await Promise.all(work);
      return told;
    };
    expect(await polled()).toBe(2); // asked, then told
    expect(await polled()).toBe(2);
    await edge.publish({ sequence: 3 });
    expect(await polled()).toBe(2); // new, but too soon
    edge.passSeconds(60);
    expect(await polled()).toBe(3);
    edge.passSeconds(60);
    expect(await polled()).toBe(3);
  });
});

const NOTHING = { sequence: 0, permittedAt: 0, overlayAsOf: 0 };

describe('an overlay', () => {
  const reported = { documentClass: 'passport', state: 'UTO', number: 'L898902C3' } as const;
  const overlay = [{ ...reported, kind: 'added' as const }];

  it('is asked for at once by a caller that knows of its sequence', async () => {
    const issuedAt = Date.now();
    const spec = { records: [], permittedAt: issuedAt, asOf: issuedAt };
    const edge = await Edge.start({ spec, withoutCentral: true });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('clear');
    await edge.publish({ ...spec, sequence: 2, overlay });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('clear'); // not looked yet
    edge.passSeconds(1);
    const { answer } = await edge.ask({ ...SPECIMEN_FIELDS, minSequence: 2 });
    expect([answer.status, answer.collections[0].sequence]).toEqual(['candidate', 2]);
    edge.passSeconds(1);
    const later = await edge.ask({ ...SPECIMEN_FIELDS, minSequence: 3 });
    expect(later.answer).toMatchObject({ status: 'unknown', code: 'edition-rollback' });
  });

  it('does not go back or vanish under one permit, whatever the sequence', async () => {
    const issuedAt = Date.now();
    const spec = { records: [], permittedAt: issuedAt - HOUR_MS, asOf: issuedAt - HOUR_MS };
    const edge = await Edge.start({
      ...{ withoutCentral: true },
      spec: { ...spec, overlay, overlayAsOf: issuedAt },
    });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    for (const back of [{}, { overlay: [], overlayAsOf: issuedAt - 1 }]) {
      await edge.publish({ ...spec, sequence: 9, ...back });
      await edge.services.main.editions.poll(() => {});
      expect(edge.services.main.editions.lastFailure).toBe('edition-rollback');
      expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    }
    // A newer edition can, because its data hold what the overlay held.
    await edge.publish({ ...spec, sequence: 10, permittedAt: issuedAt, asOf: issuedAt });
    await edge.services.main.editions.poll(() => {});
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('clear');
  });
});
