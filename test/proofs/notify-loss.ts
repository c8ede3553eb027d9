/**
 * Hits are notified without loss or double, however often central dies and the receivers flap.
 *
 * A real central over each database that is there, killed by SIGKILL again and again while hits come
 * in and notifications go out; two bureaus whose receivers refuse, hang up, and hang up after they
 * have taken a message. The sender of hits is as stubborn as an edge: what was not answered is asked
 * again with the same nonce. In the end every document has one case, and each bureau has been told
 * once of each thing that happened in it, after what came twice under one `webhook-id` was dropped.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { importJWK, SignJWT } from 'jose';
import type { DatabaseLocation } from '../../central/database/database.ts';
import { loadRecords } from '../../central/load/load.ts';
import { record, stream } from '../central/records.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts';
import { type Proof, type ProofRun, randomSource } from './proof.ts';

const MAIN = fileURLToPath(new URL('../../central/main.ts', import.meta.url));
const AS_OF_MS = Date.UTC(2024, 0, 2);
/** Opened, and notified: to each of the two bureaus. */
const NOTICES_PER_CASE = 4;
const KEYS_PER_QUESTION = 25;
const BUREAUS = ['NCB-UTO', 'NCB-D'] as const;
/** Everything has to have arrived by then; a full run needs a few minutes. */
const PATIENCE_MS = 15 * 60_000;

const createJwk = () => generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const KEYS = { central: createJwk(), edge: createJwk(), token: createJwk() };

type Random = ReturnType<typeof randomSource>;

export const notifyLoss: Proof = {
  name: 'notify-loss',
  claim:
    'with central killed again and again and flapping receivers, no notification is lost or doubled',
  sizes: { full: 10_000, small: 160, unit: 'notifications on each database' },
  async run(run) {
    const { kinds, stop } = await databaseKinds();
    const totals = { notices: 0, kills: 0, lost: 0, doubled: 0, repeatedSends: 0, forged: 0 };
    let cases = 0;
    let names = '';
    try {
      for (const { name, create } of kinds) {
        const database = await create();
        try {
          const result = await runOn(database, name, run);
          for (const key of Object.keys(totals) as (keyof typeof totals)[]) {
            totals[key] += result[key];
          }
          cases += result.missingCases;
          names += `${names === '' ? '' : ' and '}${name}`;
        } finally {
          await database.remove();
        }
      }
    } finally {
      await stop();
    }
    const { notices, kills, lost, doubled, repeatedSends, forged } = totals;
    return {
      holds: lost === 0 && doubled === 0 && forged === 0 && cases === 0 && kills > 0,
      figure:
        `${notices} notifications on ${names} under ${kills} kill -9: ${lost} lost, ${doubled} ` +
        `doubled (${repeatedSends} sent again under the same id), ${cases} hits without their case`,
      details: { ...totals, missingCases: cases, databases: names },
    };
  },
};

async function runOn(database: TestDatabase, name: string, { seed, size, progress }: ProofRun) {
  const random = randomSource(seed);
  const caseCount = Math.ceil(size / NOTICES_PER_CASE);
  const numbers = Array.from({ length: caseCount }, (_, i) => `N${100_000 + i}`);
  await loadRecords(database.db, stream(numbers.map((number) => record({ number }))), {
    asOf: AS_OF_MS,
  });
  const receivers = new Map<string, Receiver>();
  const central = new MortalCentral(database.location);
  try {
    await central.start();
    for (const bureau of BUREAUS) {
      const receiver = await startReceiver();
      receivers.set(bureau, receiver);
      const { secret } = (await central.call('POST', '/v1/endpoints', bureau, {
        url: receiver.url,
      })) as { secret: string };
      receiver.secrets.push(secret);
      flap(receiver, random);
    }
    const arrived = () =>
      [...receivers.values()].reduce((sum, { messages }) => sum + messages.size, 0);
    const expected = caseCount * NOTICES_PER_CASE;
    const untilMs = Date.now() + PATIENCE_MS;
    let isDone = false;
    const killing = (async () => {
      // Spread over the run by what has arrived, so that a fast machine kills as often.
      const killCount = Math.max(2, Math.min(20, Math.floor(size / 400)));
      for (let i = 1; i <= killCount && !isDone; i++) {
        while (!isDone && arrived() < (expected * i) / (killCount + 1)) await sleep(5);
        if (isDone) return;
        await sleep(random.below(50));
        await central.kill();
        await central.start();
      }
    })();
    for (let start = 0; start < numbers.length; start += KEYS_PER_QUESTION) {
      const keys = numbers.slice(start, start + KEYS_PER_QUESTION).map((each) => `PUTO${each}`);
      await central.hit(keys);
      progress(
        `${name}: ${start} hits, ${arrived()} of ${expected} arrived, ${central.kills} kills`,
      );
    }
    while (arrived() < expected && Date.now() < untilMs) {
      progress(`${name}: all hits, ${arrived()} of ${expected} arrived, ${central.kills} kills`);
      await sleep(50);
    }
    isDone = true;
    await killing;
    return await countResult(central, receivers, caseCount);
  } finally {
    await central.kill();
    for (const receiver of receivers.values()) await receiver.close();
  }
}

/** A sixth of the requests fails, in every way there is, and now and then all do for a while. */
function flap(receiver: Receiver, random: Random): void {
  let downUntil = 0;
  receiver.fault = (response) => {
    if (random.below(500) === 0) downUntil = Date.now() + 300;
    const dice = Date.now() < downUntil ? 0 : random.below(24);
    if (dice === 0) response.destroy();
    else if (dice === 1) response.writeHead(503).end();
    return dice < 2;
  };
  receiver.lateFault = (response) => {
    if (random.below(12) > 0) return false;
    response.destroy();
    return true;
  };
}

async function countResult(
  central: MortalCentral,
  receivers: ReadonlyMap<string, Receiver>,
  caseCount: number,
) {
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const query = `/v1/cases?limit=200${cursor ? `&cursor=${cursor}` : ''}`;
    const page = (await central.call('GET', query, 'NCB-UTO')) as {
      items: { id: string }[];
      next?: string;
    };
    for (const { id } of page.items) ids.add(id);
    cursor = page.next;
  } while (cursor);
  let lost = 0;
  let doubled = 0;
  let repeatedSends = 0;
  let forged = 0;
  for (const receiver of receivers.values()) {
    const seen = new Map<string, number>();
    for (const { type, data } of receiver.messages.values()) {
      const what = `${type} ${String(data.case)} ${String(data.version)}`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    for (const id of ids) {
      for (const what of [`case.opened ${id} 1`, `case.state ${id} 2`]) {
        const count = seen.get(what) ?? 0;
        if (count === 0) lost++;
        if (count > 1) doubled += count - 1;
        seen.delete(what);
      }
    }
    // Told of what never was: as wrong as twice.
    doubled += seen.size;
    repeatedSends += receiver.takenCount - receiver.messages.size;
    forged += receiver.forgedCount;
  }
  return {
    ...{ notices: caseCount * NOTICES_PER_CASE, kills: central.kills, lost, doubled },
    ...{ repeatedSends, forged, missingCases: Math.abs(caseCount - ids.size) },
  };
}

/** A central process that is killed and started again, and its callers, who do not give up. */
class MortalCentral {
  readonly #location: DatabaseLocation;
  #child: ChildProcess | undefined;
  #url = '';
  kills = 0;

  constructor(location: DatabaseLocation) {
    this.#location = location;
  }

  async start(): Promise<void> {
    const location = this.#location;
    const child = spawn(process.execPath, [MAIN, 'serve'], {
      env: {
        PATH: process.env.PATH,
        ...('url' in location
          ? { DATABASE_URL: location.url }
          : {
              DATABASE_FILE: location.file,
              ATTACHMENTS_DIR: join(location.file, '..', 'attachments'),
              CARD_STORE: join(location.file, '..', 'cards'),
            }),
        CENTRAL_SIGNING_KEY: JSON.stringify(KEYS.central),
        EDGE_KEYS: String(KEYS.edge.x),
        TOKEN_KEYS: String(KEYS.token.x),
        PORT: '0',
        WEBHOOK_LOOPBACK: 'allow',
        WEBHOOK_RETRY_MS: '100',
        WEBHOOK_TIMEOUT_MS: '1000',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    // Read on, so that the pipe never fills.
    child.stdout!.resume();
    this.#child = child;
    this.#url = `http://127.0.0.1:${(JSON.parse(String(line).split('\n')[0]!) as { port: number }).port}`;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.kills++;
  }

  /** Ask about keys that were all read so, until it is answered. */
  async hit(keys: readonly string[]): Promise<void> {
    const question = {
      nonce: randomBytes(16).toString('base64url'),
      ...{ collection: 'sltd', edition: 'ab'.repeat(32), sequence: 1, asOf: AS_OF_MS, keys },
      encounter: { exact: keys.map((_, index) => index) },
    };
    const claims = { role: 'officer', tenant: 'BORDER-D', site: 'FRA/7', sub: 'officer-7' };
    await this.#request('POST', '/v1/confirmations', question, () => token(claims, KEYS.edge, 50));
  }

  call(method: string, path: string, tenant: string, body?: object): Promise<unknown> {
    const claims = { role: 'ncb', tenant, site: 'HQ', sub: 'clerk' };
    return this.#request(method, path, body, () => token(claims, KEYS.token, 3_600));
  }

  async #request(
    method: string,
    path: string,
    body: object | undefined,
    authorize: () => Promise<string>,
  ): Promise<unknown> {
    for (;;) {
      try {
        const response = await fetch(`${this.#url}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${await authorize()}`,
            ...(body ? { 'content-type': 'application/json' } : {}),
          },
          ...(body ? { body: JSON.stringify(body) } : {}),
        });
        if (response.ok) return await response.json();
        if (response.status < 500) throw new Error(`central refused ${path}: ${response.status}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('central refused')) throw error;
      }
      await sleep(20);
    }
  }
}

async function token(claims: object, jwk: ReturnType<typeof createJwk>, seconds: number) {
  return new SignJWT({ iss: 'sltd-edge', aud: 'sltd-central', ...claims })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(await importJWK({ ...jwk } as Parameters<typeof importJWK>[0], 'EdDSA'));
}
