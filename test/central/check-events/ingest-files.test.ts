/** `central ingest` and `central verify-audit`, as an operator runs them. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../central/database/database.ts';
import { CENTRAL_JWK } from '../world.ts';
import { checkEvent } from './events.ts';

const MAIN = fileURLToPath(new URL('../../../central/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sltd-ingest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const DATABASE_FILE = join(folder, 'central.sqlite');
const central = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { DATABASE_FILE, CENTRAL_SIGNING_KEY: JSON.stringify(CENTRAL_JWK) },
  });
  return { status, stderr, said: stdout === '' ? undefined : JSON.parse(stdout) };
};

describe('logs of the edge', () => {
  it('are taken from files, plain and packed, each request once, and hold together', async () => {
    const lines = (await Promise.all(Array.from({ length: 1_200 }, () => checkEvent()))).map(
      (event) => JSON.stringify(event),
    );
    const plain = file('a.log', `noise\n${lines.slice(0, 700).join('\r\n')}\n`);
    const packed = file('b.gz', gzipSync(lines.slice(600).join('\n')));
    const { status, said } = central('ingest', plain, packed);
    expect([status, said]).toEqual([
      0,
      { taken: 1_200, repeated: 100, passedOver: 1, malformed: 0 },
    ]);
    expect(central('verify-audit')).toMatchObject({ status: 0, said: { events: 1_200 } });

    const db = openDatabase({ file: DATABASE_FILE });
    await db.deleteFrom('check_events').where('tenant_number', '=', 77).execute();
    await db.destroy();
    expect(central('verify-audit')).toMatchObject({
      status: 1,
      said: { broken: [{ tenant: 'BORDER-UTO', number: 77, reason: 'missing' }] },
    });
  });

  it('may have a line of any length: it is passed over, and what stands around it is taken', async () => {
    const [one, two] = [JSON.stringify(await checkEvent()), JSON.stringify(await checkEvent())];
    const long = `{"event":"check","x":"${'x'.repeat(300_000)}"}`;
    const { status, said } = central('ingest', file('long.log', `${one}\n${long}\n${two}\n`));
    expect([status, said]).toEqual([0, { taken: 2, repeated: 0, passedOver: 1, malformed: 0 }]);
  });

  it('that cannot be read are refused by their code', () => {
    const missing = central('ingest', join(folder, 'none.log'));
    expect(missing.status).not.toBe(0);
    expect(missing.stderr).toContain('input-unreadable');
    const torn = file('torn.gz', gzipSync('x'.repeat(10_000)).subarray(0, 20));
    expect(central('ingest', torn).stderr).toContain('input-unreadable');
  });
});
