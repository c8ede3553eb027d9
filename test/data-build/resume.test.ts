/** A build that was killed goes on behind its last finished step, and trusts nothing that is half. */

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { inputsSha256Of } from '../../data-build/import/inputs-digest.ts';
import { parseMapping } from '../../data-build/import/mapping.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { Progress } from '../../data-build/progress.ts';
import { build, objectNames, sltd, startSltd, workspace } from './workspace.ts';

const space = workspace();
const exportFile = space.path('export.csv');
await generateExport({
  ...{ rowCount: 20_000, seed: 4, path: exportFile, format: 'csv', malformedCount: 0 },
  progress: new Progress(undefined),
});
const options = { files: [exportFile], keysPerShard: 1024 };
const plain = await build(space, { ...options, outDir: space.path('plain') });
const plainObjects = objectNames(space.path('plain'));

/** Kills a build in the work directory as it begins a step. */
async function killAt(step: string, workDir: string, outDir: string, threads = '1'): Promise<void> {
  const child = startSltd([
    ...['build', '--profile', 'sltd', '--keys', space.keysPath, '--out', outDir],
    ...[
      '--as-of',
      '2025-01-31',
      '--keys-per-shard',
      '1024',
      '--work',
      workDir,
      '--threads',
      threads,
      exportFile,
    ],
  ]);
  let stderr = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (String(chunk).includes(`{"step":"${step}","event":"start"}`)) child.kill('SIGKILL');
    });
    child.once('close', () => resolve());
  });
  expect(child.signalCode, stderr).toBe('SIGKILL');
}

/** When a file of the work directory was last written. */
const writtenAt = (workDir: string, name: string) => statSync(join(workDir, name)).mtimeMs;

/** The files whose content a step left, as they are while a build runs. */
function keepTimes(workDir: string): Record<string, number> {
  const names = readdirSync(workDir).filter((name) => /^(keys|digests-)/.test(name));
  return Object.fromEntries(names.map((name) => [name, writtenAt(workDir, name)]));
}

/** The bytes with one bit changed. */
function flipped(bytes: Buffer, index: number): Buffer {
  bytes[index]! ^= 1;
  return bytes;
}

describe('a build with a work directory', () => {
  test('goes on where it was killed, to the very edition of a build that was not', async () => {
    for (const [step, left] of [
      ['partition', ['keys']],
      ['pages', ['keys', 'digests-0']],
      ['verify', ['keys', 'digests-0']],
    ] as const) {
      const [workDir, outDir] = [space.path(`work-${step}`), space.path(`out-${step}`)];
      await killAt(step, workDir, outDir);
      expect(statSync(workDir).mode & 0o777).toBe(0o700);
      const before = keepTimes(workDir);
      expect(Object.keys(before)).toEqual(expect.arrayContaining([...left]));
      // The next one is stopped before its head, so that what it used can be looked at.
      await killAt('verify', workDir, outDir);
      const after = keepTimes(workDir);
      for (const name of left) expect(after[name], `${step}: ${name}`).toBe(before[name]);
      const summary = await build(space, { ...options, workDir, outDir });
      expect(summary.edition).toBe(plain.edition);
      expect(summary).toMatchObject({ rows: plain.rows, keys: plain.keys, records: plain.records });
      expect(objectNames(outDir)).toEqual(plainObjects);
      expect(existsSync(workDir)).toBe(false);
    }
  });

  test.each([
    ['one bit of the keys', 'keys', (bytes: Buffer) => flipped(bytes, 1000)],
    ['one bit of the digests', 'digests-0', (bytes: Buffer) => flipped(bytes, 1000)],
    ['a marker', 'import.done', (bytes: Buffer) => flipped(bytes, 40)],
    ['a marker cut off', 'partition.done', (bytes: Buffer) => bytes.subarray(0, 20)],
    ['keys cut off', 'keys', (bytes: Buffer) => bytes.subarray(0, 500)],
  ])('does a step again when %s changed', async (name, file, change) => {
    const id = name.replaceAll(' ', '-');
    const [workDir, outDir] = [space.path(`work-${id}`), space.path(`out-${id}`)];
    await killAt('verify', workDir, outDir);
    const bytes = readFileSync(join(workDir, file));
    writeFileSync(join(workDir, file), change(bytes));
    expect((await build(space, { ...options, workDir, outDir })).edition).toBe(plain.edition);
  });

  test('begins anew for other inputs, keys or options', async () => {
    const workDir = space.path('work-other');
    await killAt('verify', workDir, space.path('out-other'));
    const other = space.write(
      'other.csv',
      `${readFileSync(exportFile, 'utf8')}UTO,PAS,X1,,,lost,,,,,,,,\n`,
    );
    const outDir = space.path('out-more');
    const more = await build(space, { ...options, files: [other], workDir, outDir });
    expect(more.rows).toBe(plain.rows + 1);

    await killAt('verify', workDir, space.path('out-other'));
    const fewer = await build(space, {
      ...{ ...options, workDir, outDir: space.path('out-fewer'), keysPerShard: 512 },
    });
    expect(fewer.edition).not.toBe(plain.edition);
    expect(fewer.records).toBe(plain.records);
  });

  test('makes pages again that went away, once verification has missed them', async () => {
    const [workDir, outDir] = [space.path('work-lost'), space.path('out-lost')];
    await killAt('verify', workDir, outDir);
    const [page] = readdirSync(join(outDir, 'pages'));
    rmSync(join(outDir, 'pages', page!));
    const again = () => build(space, { ...options, workDir, outDir });
    await expect(again()).rejects.toMatchObject({ code: 'page-unavailable' });
    expect((await again()).edition).toBe(plain.edition);
  });

  test('begins anew after pages that are whole and do not answer as the keys say', async () => {
    const [workDir, outDir] = [space.path('work-wrong'), space.path('out-wrong')];
    await killAt('verify', workDir, outDir);
    // Another digit in one key, as the marker has it: what a bad memory leaves.
    const keys = readFileSync(join(workDir, 'keys'));
    const digit = keys.indexOf('7', Math.floor(keys.length / 2));
    writeFileSync(join(workDir, 'keys'), flipped(keys, digit));
    const path = join(workDir, 'import.done');
    const marker = deserialize(readFileSync(path).subarray(32));
    marker.files[0].xxh64 = (await xxhash()).h64Raw(keys);
    const body = serialize(marker);
    const sum = createHash('sha256').update(body).digest();
    writeFileSync(path, Buffer.concat([sum, body]));
    const again = () => build(space, { ...options, workDir, outDir });
    await expect(again()).rejects.toMatchObject({ code: 'verify-failed' });
    expect((await again()).edition).toBe(plain.edition);
  });

  test('begins anew for another mapping of types', async () => {
    const [workDir, outDir] = [space.path('work-types'), space.path('out-types')];
    const file = space.write('types.csv', 'number,type\nX1,Card\n');
    const profileOf = (types: object) =>
      parseMapping(
        JSON.stringify({
          ...{ name: 'types', number: [{ column: 'number' }], columns: { type: ['type'] } },
          ...{ constants: { state: 'UTO', category: 'lost' }, types },
        }),
      );
    const passports = profileOf({ card: ['passport'] });
    const cards = profileOf({ card: ['identity'] });
    const asOf = Date.UTC(2025, 0, 31);
    // Without a date of report a build ends behind its import.
    const stopped = build(space, {
      files: [file],
      profile: passports,
      workDir,
      outDir,
      asOf: undefined,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'config-invalid' });
    expect(existsSync(join(workDir, 'import.done'))).toBe(true);
    const resumed = await build(space, { files: [file], profile: cards, workDir, outDir, asOf });
    const apart = { outDir: space.path('out-types-apart'), asOf };
    const fresh = await build(space, { files: [file], profile: cards, ...apart });
    expect(resumed.edition).toBe(fresh.edition);
    // And central, which read the types otherwise, has another list: its "no" says nothing of this one.
    expect(await inputsSha256Of(cards, [])).not.toEqual(await inputsSha256Of(passports, []));
  });

  test('goes on with two threads where two were killed', async () => {
    const [workDir, outDir] = [space.path('work-two'), space.path('out-two')];
    await killAt('pages', workDir, outDir, '2');
    const before = keepTimes(workDir);
    expect(Object.keys(before).sort()).toEqual(['digests-0', 'digests-1', 'keys']);
    await killAt('verify', workDir, outDir, '2');
    expect(keepTimes(workDir)).toEqual(before);
    const summary = await build(space, { ...options, workDir, outDir, threadCount: 2 });
    expect(summary.edition).toBe(plain.edition);
  });

  test('refuses a directory that is in use or holds other files', async () => {
    const busy = space.folder('busy');
    writeFileSync(join(busy, 'lock'), `${hostname()} ${process.ppid} 1 0`);
    const work = (workDir: string) =>
      build(space, { ...options, workDir, outDir: space.path('out-refused') });
    await expect(work(busy)).rejects.toMatchObject({ code: 'config-invalid' });
    writeFileSync(join(busy, 'lock'), `${hostname()} 999999999 1 0`);
    expect((await work(busy)).edition).toBe(plain.edition);
    mkdirSync(busy);
    // As its own process, because a thread that nobody ends would keep it from ending.
    writeFileSync(join(busy, 'lock'), `${hostname()} ${process.ppid} 1 0`);
    const args = ['--keys', space.keysPath, '--out', space.path('out-refused'), '--threads', '2'];
    const refused = await sltd(['build', '--profile', 'sltd', ...args, '--work', busy, exportFile]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('another build uses the work directory');
    const home = space.folder('home');
    writeFileSync(join(home, 'letter.txt'), 'mine');
    await expect(work(home)).rejects.toMatchObject({ code: 'config-invalid' });
    expect(readFileSync(join(home, 'letter.txt'), 'utf8')).toBe('mine');
  });
});
