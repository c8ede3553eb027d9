/** The reader in Python and ours agree on restrictions, written from docs/format.md alone. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeHead } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName } from '../../src/format/names.ts';
import type { EditionVector } from './make-vectors.ts';

const VECTORS = fileURLToPath(new URL('.', import.meta.url));
const EDITION = join(VECTORS, 'edition-v2');
const VECTOR: EditionVector = JSON.parse(readFileSync(join(VECTORS, 'edition-v2.json'), 'utf8'));
const TRAILER = 80;
const LISTED = ['PUTOL898902C3', 'PD<<C01X00T47'];

const folder = mkdtempSync(join(tmpdir(), 'sltd-restrictions-'));
afterAll(() => rmSync(folder, { recursive: true }));

const original = (): Buffer => {
  const { manifestSha256 } = decodeHead(readFileSync(join(EDITION, HEAD_NAME)));
  return readFileSync(join(EDITION, objectName('manifests', manifestSha256)));
};

/** The manifest of the vectors with these bytes as its restrictions. */
function withRows(rows: string): Buffer {
  const before = original();
  const end = before.length - TRAILER;
  const manifest = Buffer.concat([
    ...[before.subarray(0, end), Buffer.from(rows, 'latin1'), before.subarray(end)],
  ]);
  manifest.writeUInt32LE(manifest.length, 12);
  manifest.writeUInt32LE(rows.length / 8, 112);
  return manifest;
}

/** A copy of the edition under that manifest, without an overlay. */
function editionWith(rows: string): string {
  const copy = mkdtempSync(join(folder, 'edition-'));
  cpSync(EDITION, copy, { recursive: true });
  const manifest = withRows(rows);
  const sha256 = createHash('sha256').update(manifest).digest();
  writeFileSync(join(copy, objectName('manifests', sha256)), manifest);
  const head = readFileSync(join(copy, HEAD_NAME));
  head.fill(0, 48, 88); // no overlay
  manifest.copy(head, 40, 32, 40); // the time of its data
  head.set(sha256, 184); // in the permit
  head.writeUInt32LE(manifest.length, 216);
  writeFileSync(join(copy, HEAD_NAME), head);
  return copy;
}

function ask(edition: string, state?: string) {
  const settings = ['--epoch-key', VECTOR.epochKey, '--now', String(VECTOR.now)];
  const caller = state === undefined ? [] : ['--state', state];
  const script = join(VECTORS, 'reader.py');
  const result = spawnSync('python3', ['-B', script, edition, ...settings, ...caller], {
    input: LISTED.map((key) => `${key}\n`).join(''),
    encoding: 'utf8',
  });
  const lines = result.stdout.split('\n').filter(Boolean);
  return { ...result, verdicts: lines.map((line) => JSON.parse(line).verdict) };
}

const python = spawnSync('python3', ['--version']);
const pythonMissing = python.status === 0 ? undefined : 'no python3 on this machine';
if (pythonMissing) console.warn(`skipped: the reader in Python: ${pythonMissing}`);

describe.skipIf(pythonMissing)('the reader in Python', () => {
  const ROWS = 'UTO\0D<<\0UTO\0FRA\0';

  test.each([
    ['D', 'unknown'],
    ['FRA', 'unknown'],
    ['UTO', 'candidate'],
    ['GBR', 'candidate'],
    [undefined, 'unknown'],
  ])('and ours answer a caller of %s alike', (state, utopian) => {
    const { status, verdicts } = ask(editionWith(ROWS), state);
    expect(status).toBe(0);
    expect(verdicts).toEqual([utopian, 'candidate']);
    const { restrictions } = openManifest(withRows(ROWS));
    expect(restrictions?.excludes('UTO', state)).toBe(utopian === 'unknown');
    expect(restrictions?.excludes('D', state)).toBe(false);
  });

  test.each([
    ['that are not in order', 'UTO\0FRA\0UTO\0D<<\0'],
    ['of which two are equal', 'UTO\0D<<\0UTO\0D<<\0'],
    ['of a state against itself', 'UTO\0UTO\0'],
    ['of a state that is not in the table', 'FRA\0UTO\0'],
    ['of which one has no code', 'UTO\0d<<\0'],
  ])('and ours refuse restrictions %s', (_, rows) => {
    const { status, stderr, verdicts } = ask(editionWith(rows), 'UTO');
    expect(status).toBe(1);
    expect(stderr).toMatch(/no edition to answer from: (manifest|state)/);
    expect(verdicts).toEqual(['unknown', 'unknown']);
    expect(() => openManifest(withRows(rows))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^format-/) }),
    );
  });
});
