/**
 * What the start command starts, it also ends: half way, and when it is told a second time to hurry.
 * A part left behind would keep its port, and the next start would fail.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, portIsFree, startSystem } from '../../scripts/system.ts';

const ROOT = new URL('../..', import.meta.url);
const SAMPLE = fileURLToPath(new URL('data-build/sample/sltd-sample.csv', ROOT));

const folder = mkdtempSync(join(tmpdir(), 'sltd-system-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the system on this machine', () => {
  it.each(['building the edition', 'loading the central service', 'starting the edge'])(
    'ends in the step it is in: %s',
    async (last) => {
      const steps: string[] = [];
      const interrupt = new AbortController();
      const central = await freePort();
      const starting = startSystem({
        ...{ stateDir: join(folder, 'state'), exportFiles: [SAMPLE], ports: { central } },
        signal: interrupt.signal,
        onStep: (step) => {
          steps.push(step);
          if (step === last) setImmediate(() => interrupt.abort());
        },
      });
      await expect(starting).rejects.toThrow();
      expect(steps.at(-1)).toBe(last);
      expect(await portIsFree(central)).toBe(true);
    },
  );

  it('leaves no part behind when its process is told to end at once', async () => {
    const central = await freePort();
    const options = { stateDir: join(folder, 'state'), exportFiles: [SAMPLE], ports: { central } };
    const program = `
      import { startSystem } from './scripts/system.ts';
      await startSystem({
        ...${JSON.stringify(options)},
        onStep: (step) => step === 'starting the edge' && setImmediate(() => process.exit(130)),
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(ROOT),
      stdio: 'ignore',
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(130);
    await expect.poll(() => portIsFree(central), { timeout: 10_000 }).toBe(true);
  });
});
