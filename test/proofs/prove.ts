/**
 * `npm run prove -- NAME [--seed N] [--size S]`, `--all`, `--list`.
 *
 * Says what is tried, shows progress, writes build/proofs/NAME.json, prints the figure as the last
 * line. Exit code 0 only if the claim holds, 2 on wrong usage.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Proof, ProofResult } from './proof.ts';
import { PROOFS } from './proofs.ts';

const RESULTS_DIR = fileURLToPath(new URL('../../build/proofs/', import.meta.url));
const PROGRESS_INTERVAL_MS = 1_000;

/** Runs one proof in a directory of its own and writes its result file. */
export async function prove(
  proof: Proof,
  { seed, size, progress }: { seed: number; size: number; progress: (text: string) => void },
): Promise<ProofResult> {
  const workDir = mkdtempSync(join(tmpdir(), `sltd-${proof.name}-`));
  const startedAt = new Date();
  try {
    const result = await proof.run({ seed, size, progress, workDir });
    mkdirSync(RESULTS_DIR, { recursive: true });
    const record = {
      name: proof.name,
      claim: proof.claim,
      command: `npm run prove -- ${proof.name} --seed ${seed} --size ${size}`,
      ...result,
      seed,
      size,
      unit: proof.sizes.unit,
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}`,
    };
    const file = `${proof.name}${size === proof.sizes.full ? '' : '.small'}.json`;
    writeFileSync(join(RESULTS_DIR, file), `${JSON.stringify(record, null, 2)}\n`);
    return result;
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function list(): void {
  for (const { name, claim, sizes } of PROOFS) {
    console.log(`${name.padEnd(16)} full ${sizes.full}, small ${sizes.small} ${sizes.unit}`);
    console.log(`${' '.repeat(17)}${claim}`);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      size: { type: 'string' },
      all: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) {
    list();
    return 0;
  }
  const chosen = values.all ? PROOFS : PROOFS.filter(({ name }) => positionals.includes(name));
  const seed = Number(values.seed);
  const size = values.size === undefined ? undefined : Number(values.size);
  const known = positionals.every((name) => PROOFS.some((proof) => proof.name === name));
  const usable =
    Number.isSafeInteger(seed) && (size === undefined || (Number.isSafeInteger(size) && size > 0));
  if (chosen.length === 0 || !known || !usable) {
    console.error('usage: npm run prove -- NAME [--seed N] [--size S] | --all | --list');
    return 2;
  }
  let held = true;
  for (const proof of chosen) {
    console.log(`${proof.name}: ${proof.claim}`);
    let last = 0;
    const progress = (text: string) => {
      if (Date.now() - last < PROGRESS_INTERVAL_MS) return;
      last = Date.now();
      console.log(`  ${text}`);
    };
    const result = await prove(proof, { seed, size: size ?? proof.sizes.full, progress });
    held &&= result.holds;
    console.log(`${proof.name}: ${result.holds ? 'holds' : 'DOES NOT HOLD'}: ${result.figure}`);
  }
  return held ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
