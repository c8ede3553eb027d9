/**
 * What several collections cost: the same request with a token for three of them and for one.
 *
 * The whole app on Node, from request to response, without a line in between. Both ways take turns
 * round by round, and the ratio is taken within a round, so that it does not depend on how busy the machine
 * is.
 */

import xxhash from 'xxhash-wasm';
import { readMatcherModule } from '../data-build/matcher-module.ts';
import { issueToken } from '../data-build/keys/token.ts';
import { createApp } from '../src/app.ts';
import { createServices } from '../src/services.ts';
import type { Env } from '../src/world.ts';
import { edgeSettings } from '../test/support/edge-settings.ts';
import { buildEdition, makeTestKeys, type TestRecord } from '../test/support/edition.ts';
import { type BenchSize, type Measurement, measured } from './measurement.ts';

const COLLECTIONS = ['sltd', 'tdawn', 'national-UTO'];
const RATIO_MAX = 1.2;
const RECORDS: TestRecord[] = Array.from({ length: 5_000 }, (_, i) => ({
  ...{ documentClass: 'passport' as const, state: 'UTO', category: 'stolen' as const },
  number: `S${i}`,
}));
const documentOf = (i: number) => ({
  ...{ number: `K${7_000_000 + i}`, issuingState: 'UTO', documentClass: 'passport' },
});

/** Rounds, and requests of a turn. */
const SIZES: Record<BenchSize, { rounds: number; single: number; batch: number }> = {
  test: { rounds: 3, single: 10, batch: 1 },
  small: { rounds: 41, single: 400, batch: 8 },
  full: { rounds: 201, single: 1_000, batch: 20 },
};

/** Three collections against one: a document alone, and a flight. */
export async function collectionsCost(size: BenchSize): Promise<Measurement[]> {
  const { rounds, single, batch } = SIZES[size];
  const ask = await startEdge();
  const flight = { documents: Array.from({ length: 1_000 }, (_, i) => documentOf(i)) };
  const bound = { atMost: RATIO_MAX };
  return [
    measured(
      {
        id: 'collections.single',
        question: 'three collections against one, a document alone',
        unit: 'x',
      },
      await ratios(rounds, single, (three) => ask(documentOf(1), three)),
      bound,
    ),
    measured(
      {
        id: 'collections.flight',
        question: 'three collections against one, 1,000 documents in a request',
        unit: 'x',
      },
      await ratios(rounds, batch, (three) => ask(flight, three)),
      bound,
    ),
  ];
}

/** Time with three over time with one, a value for each round; who begins, changes. */
async function ratios(
  rounds: number,
  count: number,
  ask: (three: boolean) => Promise<void>,
): Promise<number[]> {
  const turn = async (three: boolean) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await ask(three);
    return performance.now() - start;
  };
  const found: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const isThreeFirst = round % 2 === 0;
    const first = await turn(isThreeFirst);
    const second = await turn(!isThreeFirst);
    if (round >= 0) found.push(isThreeFirst ? first / second : second / first);
  }
  return found;
}

async function startEdge(): Promise<(body: object, three: boolean) => Promise<void>> {
  const keys = await makeTestKeys();
  const module = readMatcherModule();
  const objects = new Map<string, Uint8Array>();
  for (const collection of COLLECTIONS) {
    const prefix = collection === 'sltd' ? '' : `${collection}/`;
    const built = await buildEdition({ collection, records: RECORDS }, keys, module);
    for (const [name, bytes] of built) objects.set(prefix + name, bytes);
  }
  const others = Object.fromEntries(COLLECTIONS.slice(1).map((name) => [name, {}]));
  const env: Env = { ...edgeSettings(keys), COLLECTIONS: JSON.stringify(others) };
  const { h64Raw: hash64 } = await xxhash();
  const services = await createServices(env, {
    ...{ matcherModule: module, hash64, now: Date.now, log: () => {} },
    fetch: () => Promise.reject(new Error('no network')),
    source: { get: async (name) => objects.get(name) },
  });
  const app = createApp(() => services);
  const token = await Promise.all(
    [['sltd'], COLLECTIONS].map((collections) =>
      issueToken({ token: keys.jwk.token } as never, {
        ...{ role: 'officer', tenant: 'UTO', site: 'bench', collections },
      }),
    ),
  );
  return async (body, three) => {
    const response = await app.request(
      'https://edge.invalid/v1/checks',
      {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token[three ? 1 : 0]}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      },
      env,
    );
    const text = await response.text();
    if (response.status !== 200 || !text.includes('"clear"')) throw new Error('not answered');
  };
}
