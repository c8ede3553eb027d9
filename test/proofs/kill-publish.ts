/**
 * Nights that are killed: at every storage step of build and publish, and at random moments of both.
 *
 * Each night lists a document of its own and one that is always listed. Readers poll all the while,
 * through the code that the Worker uses: one that keeps running, and one that starts cold each time.
 * From the answer for a document of each night it is seen which edition was read, and whether all of
 * the answer came from that one.
 */

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import xxhash from 'xxhash-wasm';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { createKeys, type KeysFile, writeKeys } from '../../data-build/keys/keys.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { openStore, type StoreEnvironment } from '../../publish/open-store.ts';
import { provePages } from '../../publish/prove-pages.ts';
import { type CheckTools, checkDocuments } from '../../src/check/check.ts';
import { createServices, type Services } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import { startS3Server } from '../support/s3-server.ts';
import { CALLER, type Proof, randomSource, untilCounted } from './proof.ts';
import type { NightSettings } from './publish-night.ts';

const CHILD = fileURLToPath(new URL('publish-night.ts', import.meta.url));
const FIRST_NIGHT = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
/** Nights before and after the one read that are asked for as well. */
const NEIGHBORS = [-2, -1, 1, 2];
/** Below this many moments only some steps are taken, and none on a bucket. */
const FULL_SIZE = 50;
/** So many nights at most for each moment that is asked for; those that end before it count for nothing. */
const DRAWS_MAX = 5;

interface Place {
  name: string;
  /** What readers read. */
  location: string;
  /** Whether nights end with the build: readers then read the directory that is built in. */
  isBuiltIn?: boolean;
  /** Of the random moments. */
  share: number;
  environment: StoreEnvironment;
}

/** What the readers have seen. */
interface Seen {
  reads: number;
  torn: number;
  mixed: number;
  back: number;
}

export const killPublish: Proof = {
  name: 'kill-publish',
  claim:
    'whenever build and publish are killed, readers see the edition before or the new one, whole, ' +
    'and never one before what they have seen',
  sizes: { full: 500, small: 2, unit: 'random moments, besides every storage step' },
  async run({ seed, size, workDir, progress }) {
    const random = randomSource(seed);
    const keys = createKeys();
    const keysFile = join(workDir, 'keys.json');
    writeKeys(keysFile, keys);
    const s3 = size < FULL_SIZE ? undefined : await startS3Server(join(workDir, 's3'));
    const places: Place[] = [
      ...(s3 ? [{ name: 'bucket', ...s3, location: `${s3.location}/proof`, share: 1 / 25 }] : []),
      {
        ...{ name: 'build', location: join(workDir, 'build-build'), environment: {} },
        ...{ isBuiltIn: true, share: 1 / 5 },
      },
      { name: 'directory', location: join(workDir, 'store'), environment: {}, share: 1 },
    ];
    const seen: Seen = { reads: 0, torn: 0, mixed: 0, back: 0 };
    const kills = { steps: 0, moments: 0, asked: 0, came: 0, stayed: 0 };
    let broken = 0;
    try {
      for (const place of places) {
        const nights = new Nights(place, { workDir, keysFile });
        await nights.pass();
        await nights.pass();
        // The third night sends only what is new and finds all compiled, as every night does.
        const { stdout, millis } = await nights.pass();
        const steps = Number(stdout);
        const reader = startReader(place, keys, seen);
        const plan: NightSettings['killAt'][] = [];
        for (let step = 1; step <= steps; step++) {
          for (const when of ['before', 'after'] as const) plan.push({ step, when });
        }
        // The last one among them: behind it the new edition is in force.
        const isTaken = (i: number) => i % 8 === 7 || i === plan.length - 1;
        if (!s3) plan.splice(0, plan.length, ...plan.filter((_, i) => isTaken(i)));
        const moments = Math.ceil(size * place.share);
        kills.asked += moments;
        /** One night; whether it was killed. */
        const passKilled = async (kill: NightSettings['killAt'] | number) => {
          const before = await sequenceOf(place, keys);
          const { signal } = await nights.pass(kill);
          const after = await sequenceOf(place, keys);
          kills[after > before ? 'came' : 'stayed']++;
          if (!(await isWhole(place, keys))) broken++;
          progress(
            `${place.name}: night ${nights.count}, ${kills.steps + kills.moments} killed before, ` +
              `${seen.reads} reads, ${seen.torn} torn, ${seen.mixed} mixed, ${seen.back} going back`,
          );
          return signal === 'SIGKILL';
        };
        for (const step of plan) kills.steps += Number(await passKilled(step));
        // A night that ended before its moment was not killed: another moment stands in for it.
        kills.moments += await untilCounted(moments, DRAWS_MAX * moments, () =>
          passKilled(random.below(Math.ceil(millis))),
        );
        // After all that a night that nobody kills comes in force.
        const last = await nights.pass();
        await reader.stop();
        if (last.stdout === '' || reader.newest() !== nights.count - 1) broken++;
      }
    } finally {
      await s3?.close();
    }
    const { reads, torn, mixed, back } = seen;
    return {
      holds:
        torn + mixed + back + broken === 0 &&
        kills.moments >= kills.asked &&
        kills.came > 0 &&
        kills.stayed > 0 &&
        reads > 0,
      figure:
        `killed at ${kills.steps} storage steps and ${kills.moments} of ${kills.asked} random moments ` +
        `(${kills.came} new editions came in force, ${kills.stayed} did not), ${reads} reads: ` +
        `${torn} torn, ${mixed} mixed, ${back} going back; ${broken} broken editions in the store`,
      details: { ...kills, ...seen, broken },
    };
  },
};

/** One export after the other, each listing a document of its own night. */
class Nights {
  count = 0;
  readonly #place: Place;
  readonly #files: { workDir: string; keysFile: string };

  constructor(place: Place, files: { workDir: string; keysFile: string }) {
    this.#place = place;
    this.#files = files;
  }

  /** Builds and publishes the next one; kills it at a storage step, or after so many milliseconds. */
  async pass(kill?: NightSettings['killAt'] | number) {
    const { workDir, keysFile } = this.#files;
    const { name, location, environment, isBuiltIn } = this.#place;
    const night = this.count++;
    const exportFile = join(workDir, `${name}-night.csv`);
    writeFileSync(
      exportFile,
      `issuing_state,document_type,number,number_from,number_to,category\n` +
        `UTO,PAS,ALWAYS1,,,lost\nUTO,PAS,${numberOf(night)},,,stolen\n`,
    );
    const settings: NightSettings = {
      ...{ exportFile, keysFile, tempDir: workDir, store: isBuiltIn ? undefined : location },
      ...{ buildDir: join(workDir, `${name}-build`), asOf: FIRST_NIGHT + night * MINUTE_MS },
      killAt: typeof kill === 'number' ? undefined : kill,
    };
    const startedAt = performance.now();
    const child = spawn(process.execPath, [CHILD, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Half of such a short night is compiling: nights that came to their end keep that for the next.
      env: { ...process.env, NODE_COMPILE_CACHE: join(workDir, 'compiled'), ...environment },
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('close', (_, signal) => resolve(signal)),
    );
    if (typeof kill === 'number') {
      await Promise.race([ended, setTimeout(kill)]);
      child.kill('SIGKILL');
    }
    const signal = await ended;
    return { signal, stdout: stdout.trim(), millis: performance.now() - startedAt };
  }
}

const numberOf = (night: number): string => `NIGHT${100 + night}`;

async function sequenceOf({ location, environment }: Place, keys: KeysFile): Promise<number> {
  return (await openEdition(openStore(location, environment), keys)).head.sequence;
}

/** Whether every page of the edition in force is there and right. */
async function isWhole({ location, environment }: Place, keys: KeysFile): Promise<boolean> {
  const store = openStore(location, environment);
  return openEdition(store, keys)
    .then(({ manifest }) => provePages(store, manifest))
    .then(
      () => true,
      () => false,
    );
}

/** Polls until it is stopped, as one isolate that goes on and as ones that have just started. */
function startReader(place: Place, keys: KeysFile, seen: Seen) {
  let runs = true;
  let newest = -1;
  const work = (async () => {
    const open = () => openServices(place, keys);
    let warm = await open();
    for (let turn = 0; runs; turn++) {
      // Every third turn a Worker that knows nothing yet; it must not see less than the warm one has.
      const services = turn % 3 === 2 ? await open() : warm;
      await services.main.editions.poll(() => {});
      const night = await readNight(services, seen);
      seen.reads++;
      if (night < newest) seen.back++;
      newest = Math.max(newest, night);
      if (turn % 50 === 49) warm = await open();
      await setTimeout(30);
    }
  })();
  return {
    newest: () => newest,
    stop: async () => {
      // Once more after the last night.
      await setTimeout(200);
      runs = false;
      await work;
    },
  };
}

/** The night whose edition answers, by its time and by its documents. */
async function readNight(services: Services, seen: Seen): Promise<number> {
  const { edition } = services.main.editions;
  const night = edition ? (edition.list.asOf - FIRST_NIGHT) / MINUTE_MS : -1;
  const numbers = ['ALWAYS1', ...[0, ...NEIGHBORS].map((by) => numberOf(night + by))];
  const documents = numbers.map((number) => ({
    ...{ number, issuingState: 'UTO', documentClass: 'passport' },
  }));
  const tools: CheckTools = { ...services, defer: () => {} };
  const { results } = await checkDocuments({ documents, sequenceMin: 0, caller: CALLER }, tools);
  const statuses = results.map(({ decisive }) => decisive.resolution.status);
  if (statuses.includes('unknown')) seen.torn++;
  const [always, own, ...others] = statuses;
  const isOne =
    always === 'candidate' &&
    own === 'candidate' &&
    others.every((status) => status === 'clear' || status === 'invalid');
  if (!isOne && !statuses.includes('unknown')) seen.mixed++;
  return night;
}

async function openServices({ location, environment }: Place, keys: KeysFile): Promise<Services> {
  const store = openStore(location, environment);
  const { h64Raw: hash64 } = await xxhash();
  const env: Env = {
    EPOCH_KEYS: keys.epochKey,
    EDITION_KEYS: keys.edition.x,
    OVERLAY_KEYS: keys.overlay.x,
    HEAD_KEYS: keys.head.x,
    TOKEN_KEYS: keys.token.x,
    SEAL_KEY: keys.seal,
    FILTER_ARENA_BYTES: String(2 ** 18),
    MATCH_ARENA_BYTES: String(2 ** 18),
  };
  return createServices(env, {
    source: { get: async (name, lengthMax) => (await store.get(name, lengthMax))?.bytes },
    ...{ matcherModule: readMatcherModule(), hash64, now: Date.now, log: () => {} },
    fetch: () => Promise.reject(new Error('no network')),
    cache: undefined,
  });
}
