/**
 * What a fresh isolate costs: the bundle, opening the manifest of 150 M records, the time from the start
 * of a workerd process to its first answer, and its memory after a post's traffic.
 *
 * Memory is the difference between two workerd processes of one bundle as Linux counts it, garbage
 * included: one that has served, and one that has no edition. It is a second measure beside the proof
 * isolate-memory, which counts heap and buffers in Node.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { startOrigin } from '../data-build/edition/origin.ts';
import { issueToken } from '../data-build/keys/token.ts';
import { PAGE_SIZES } from '../data-build/pages/page-sizes.ts';
import { ISSUING_STATES } from '../src/document/issuing-state.ts';
import { TRAILER_BYTES } from '../src/format/layout.ts';
import { encodeManifest, openManifest } from '../src/format/manifest.ts';
import { edgeSettings } from '../test/support/edge-settings.ts';
import { makeTestKeys } from '../test/support/edition.ts';
import { writeLargeEdition } from '../test/support/large-edition.ts';
import { listShape, Traffic } from '../test/support/traffic.ts';
import { type BenchSize, type Finding, measured, repeat } from './measurement.ts';
import { bundle, startWorkerd } from './workerd.ts';

const LIST_KEYS = 190_596_932;
const SIZES: Record<BenchSize, { keys: number; starts: number; documents: number }> = {
  test: { keys: 20_000, starts: 1, documents: 20 },
  small: { keys: 2_000_000, starts: 5, documents: 20_000 },
  full: { keys: LIST_KEYS, starts: 9, documents: 100_000 },
};
const OPERATIONS = 150_000;
const BATCH = 100;
const MIB = 1024 * 1024;
const OPEN_MANIFEST = fileURLToPath(new URL('open-manifest.ts', import.meta.url));
const FIRST_OPENS = 11;

/** Opening the table of all pages, once its bytes are proved. */
export async function manifestOpen(size: BenchSize): Promise<Finding[]> {
  const shape = listShape(size === 'test' ? 100_000 : LIST_KEYS);
  const reference = { sha256: new Uint8Array(32), xxh64: 0n, length: 64 };
  const states = ISSUING_STATES.map(({ code: state }) => {
    const recordCount = shape.get(state) ?? 0;
    const shardCount = Math.max(1, Math.ceil(recordCount / PAGE_SIZES.keysPerShard));
    return { state, coverage: 'reports', asOf: 1, recordCount, shardCount } as const;
  }).sort((a, b) => (a.state < b.state ? -1 : 1));
  const shardCount = states.reduce((sum, state) => sum + state.shardCount, 0);
  const body = encodeManifest({
    ...{ epochKeyId: new Uint8Array(16), asOf: 1, collection: 'sltd', states },
    inputsSha256: new Uint8Array(32),
    shards: Array.from({ length: shardCount }, () => ({ filter: reference, match: reference })),
  });
  const manifest = new Uint8Array(body.length + TRAILER_BYTES);
  manifest.set(body);
  const openMs = await repeat(() => openManifest(manifest), { runs: 21 });
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-manifest-'));
  const file = join(workDir, 'manifest');
  writeFileSync(file, manifest);
  const firstMs = Array.from({ length: size === 'test' ? 1 : FIRST_OPENS }, () =>
    Number(execFileSync(process.execPath, [OPEN_MANIFEST, file], { encoding: 'utf8' })),
  );
  rmSync(workDir, { recursive: true });
  const hashMs = await repeat(() => createHash('sha256').update(manifest).digest(), { runs: 9 });
  const name = `the manifest of ${shardCount.toLocaleString('en-US')} shards`;
  return [
    measured({ id: 'cold-manifest-open', question: `opening ${name}`, unit: 'ms' }, openMs, {
      atMost: 1,
    }),
    measured(
      { id: 'cold-manifest-first', question: 'the same, the first time in a process', unit: 'ms' },
      firstMs,
      { atMost: 1 },
    ),
    measured({ id: 'cold-manifest-hash', question: `SHA-256 of ${name}`, unit: 'ms' }, hashMs),
    measured({ id: 'cold-manifest-size', question: `size of ${name}`, unit: 'MiB' }, [
      manifest.length / MIB,
    ]),
  ];
}

/** Bundle, time to the first answers of a process, and memory after traffic. */
export async function coldStart(size: BenchSize): Promise<Finding[]> {
  const { keys: keyCount, starts, documents } = SIZES[size];
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-cold-'));
  const directory = join(workDir, 'editions');
  mkdirSync(directory);
  const keys = await makeTestKeys();
  await writeLargeEdition({
    ...{ directory, keys, shape: listShape(keyCount), listed: [], seed: 1 },
    ...{ operationCount: Math.ceil((OPERATIONS * keyCount) / LIST_KEYS), progress: () => {} },
  });
  const origin = await startOrigin({ directory, port: 0 });
  try {
    const bundleDir = join(workDir, 'bundle');
    bundle('wrangler.toml', bundleDir);
    const { FILTER_ARENA_BYTES: _, MATCH_ARENA_BYTES: __, ...settings } = edgeSettings(keys);
    const variables = { ...settings, EDITIONS_ORIGIN: `http://127.0.0.1:${origin.port}` };
    const tokenKeys = { token: keys.jwk.token } as unknown as Parameters<typeof issueToken>[0];
    const token = await issueToken(tokenKeys, {
      ...{ role: 'officer', tenant: 'UTO', site: 'bench', minutes: 600 },
    });
    const traffic = new Traffic(1);
    const ask = async (url: string, count: number): Promise<void> => {
      const response = await fetch(`${url}/v1/checks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ documents: Array.from({ length: count }, () => traffic.next()) }),
      });
      if (response.status !== 200) throw new Error(`the edge answered ${response.status}`);
      await response.text();
    };
    const startMs: number[] = [];
    const firstMs: number[] = [];
    const moreMib: number[] = [];
    for (let run = 0; run < starts; run++) {
      const startedAt = performance.now();
      const edge = await startWorkerd(bundleDir, variables);
      startMs.push(performance.now() - startedAt);
      const emptyBytes = edge.memoryBytes();
      const askedAt = performance.now();
      await ask(edge.url, 1);
      firstMs.push(performance.now() - askedAt);
      // One long run tells what the memory becomes.
      const isLast = run === starts - 1;
      for (let asked = 0; isLast && asked < documents; asked += BATCH) await ask(edge.url, BATCH);
      if (isLast) moreMib.push((edge.memoryBytes() - emptyBytes) / MIB);
      await edge.stop();
    }
    const about = (id: string, question: string, unit: string) => ({
      id: `cold-${id}`,
      question,
      unit,
    });
    return [
      measured(
        about('bundle', 'bundle with the wasm, gzip', 'KiB'),
        [gzipBytes(bundleDir) / 1024],
        {
          atMost: 1024,
        },
      ),
      measured(
        about('start', 'workerd, from its start to the first answer of /healthz', 'ms'),
        startMs,
        {
          atMost: 1000,
        },
      ),
      measured(
        about('first-check', 'the first check of a process: head, manifest, overlay, pages', 'ms'),
        firstMs,
        { atMost: 1000 },
      ),
      measured(
        about(
          'memory',
          `workerd after ${documents.toLocaleString('en-US')} documents, more than empty`,
          'MiB',
        ),
        moreMib,
        { atMost: 96 },
      ),
    ];
  } finally {
    await origin.close();
    rmSync(workDir, { recursive: true, force: true });
  }
}

/** What a deployment uploads: code and wasm, each compressed. */
function gzipBytes(directory: string): number {
  const files = readdirSync(directory).filter((name) => /\.(js|wasm)$/.test(name));
  return files.reduce((sum, name) => sum + gzipSync(readFileSync(join(directory, name))).length, 0);
}
