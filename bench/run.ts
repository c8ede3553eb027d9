/**
 * `npm run bench [-- SUITE ...]`: runs the suites, prints a table, writes bench/results/.
 *
 * One JSON file a measurement and one HTML page for all. Exit code 1 if a goal is missed. Nothing
 * else should run on the machine meanwhile.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wholeBuild } from './build.ts';
import { httpCost } from './http.ts';
import { mrzCheck, pageBuild, rawProbe, singleCheck, space, warmProbe } from './matcher.ts';
import type { Measurement } from './measurement.ts';
import { overlayCost } from './overlay.ts';
import { peers } from './peers.ts';
import { reportHtml } from './report.ts';

const RESULTS_DIR = fileURLToPath(new URL('./results/', import.meta.url));

/** Question by question, the quick ones first. */
const SUITES: Record<string, readonly (() => Measurement[] | Promise<Measurement[]>)[]> = {
  matcher: [rawProbe, warmProbe, singleCheck, mrzCheck, pageBuild, space],
  overlay: [overlayCost],
  peers: [peers],
  http: [httpCost],
  build: [wholeBuild],
};

function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 3 - Math.ceil(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 6) });
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: 'pipe' })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

async function main(): Promise<number> {
  const chosen = process.argv.slice(2);
  if (chosen.some((name) => !(name in SUITES))) {
    console.error(`usage: npm run bench [-- ${Object.keys(SUITES).join(' | ')}]`);
    return 2;
  }
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const command = ['npm run bench', ...(chosen.length ? ['--', ...chosen] : [])].join(' ');
  const date = new Date().toISOString();
  console.log(`${machine}\n${command}, ${date}, commit ${commit()}\n`);
  mkdirSync(RESULTS_DIR, { recursive: true });
  const all: Measurement[] = [];
  for (const name of chosen.length ? chosen : Object.keys(SUITES)) {
    for (const suite of SUITES[name] ?? []) {
      for (const measurement of await suite()) {
        all.push(measurement);
        const { id, question, value, unit, spread, goal, holds } = measurement;
        const verdict = goal === '' ? '' : holds ? `${goal}: holds` : `${goal}: MISSED`;
        console.log(
          `${question.padEnd(76)} ${figure(value).padStart(10)} ${unit.padEnd(12)} ` +
            `[${figure(spread.min)} .. ${figure(spread.max)}]  ${verdict}`,
        );
        const file = join(RESULTS_DIR, `${id}.json`);
        const record = { ...measurement, machine, command, date, commit: commit() };
        writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
      }
    }
  }
  writeFileSync(join(RESULTS_DIR, 'report.html'), reportHtml(all, { machine, command, date }));
  const missed = all.filter(({ holds }) => !holds).length;
  console.log(`\n${all.length} measurements, ${missed} goals missed; bench/results/report.html`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main();
