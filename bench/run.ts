/**
 * `npm run bench [-- SUITE ...]`, or `bench:full`: runs the suites, prints a table, writes bench/results/.
 *
 * One JSON file a finding and one HTML page for all. Exit code 1 if a goal is missed. Nothing
 * else should run on the machine meanwhile.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type BenchSize,
  type Finding,
  isGap,
  isMeasurement,
  type Measurement,
} from './measurement.ts';
import { figure } from './plot.ts';
import { reportHtml } from './report.ts';
import { SUITES } from './suites.ts';

const RESULTS_DIR = fileURLToPath(new URL('./results/', import.meta.url));

const FULL = '--full';

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: 'pipe' })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

function printed({ question, value, unit, spread, goal, holds }: Measurement): string {
  const verdict = goal === '' ? '' : holds ? `${goal}: holds` : `${goal}: MISSED`;
  return (
    `${question.padEnd(76)} ${figure(value).padStart(10)} ${unit.padEnd(12)} ` +
    `[${figure(spread.min)} .. ${figure(spread.max)}]  ${verdict}`
  );
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const size: BenchSize = args.includes(FULL) ? 'full' : 'small';
  const chosen = args.filter((arg) => arg !== FULL);
  if (chosen.some((name) => !(name in SUITES))) {
    console.error(`usage: npm run bench[:full] [-- ${Object.keys(SUITES).join(' | ')}]`);
    return 2;
  }
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const script = size === 'full' ? 'npm run bench:full' : 'npm run bench';
  const command = [script, ...(chosen.length ? ['--', ...chosen] : [])].join(' ');
  const run = { machine, command, date: new Date().toISOString(), commit: commit() };
  console.log(`${machine}\n${command}, ${run.date}, commit ${run.commit}\n`);
  mkdirSync(RESULTS_DIR, { recursive: true });
  const all: Finding[] = [];
  for (const name of chosen.length ? chosen : Object.keys(SUITES)) {
    for (const suite of SUITES[name] ?? []) {
      for (const finding of await suite(size)) {
        all.push(finding);
        if (isMeasurement(finding)) console.log(printed(finding));
        if (isGap(finding)) console.log(`not measured: ${finding.gap}`);
        const file = join(RESULTS_DIR, `${finding.id}.json`);
        writeFileSync(file, `${JSON.stringify({ ...finding, ...run }, null, 2)}\n`);
      }
    }
  }
  writeFileSync(join(RESULTS_DIR, 'report.html'), reportHtml(all, run));
  const measurements = all.filter(isMeasurement);
  const missed = measurements.filter(({ holds }) => !holds).length;
  console.log(
    `\n${measurements.length} measurements, ${missed} goals missed; bench/results/report.html`,
  );
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main();
