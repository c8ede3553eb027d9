/**
 * A border's searches against the whole system: many documents, 35 of them listed.
 *
 * The numbers are those of five joint operations of 2017: over a million searches, 35 hits, 22 of
 * which the agency's own list would not have given. Half are asked by MRZ, half by fields, in
 * batches of 1,000, through the edge Worker under wrangler dev.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type System, startSystem } from '../../scripts/system.ts';
import { renderMrz } from '../support/render-mrz.ts';
import { type ProofRun, randomSource } from './proof.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LISTED_COUNT = 35;
/** Listed documents that are on the agency's own list as well. */
const ON_NATIONAL_LIST_COUNT = 13;
const BACKGROUND_ROWS = 20_000;
const BATCH_SIZE = 1_000;

/** States of the travellers; weights as at a European airport. */
const STATES = ['D', 'FRA', 'ITA', 'ESP', 'GBR', 'USA', 'TUR', 'IND', 'CHN', 'BRA'];

interface Traveller {
  id: string;
  listed: boolean;
  question: { id: string } & (
    | { mrz: string }
    | { number: string; issuingState: string; documentClass: string }
  );
}

export interface BorderDay {
  system: System;
  /** Searches in order, in batches; made as they are taken. */
  batches(): Generator<Traveller[]>;
  /** Ids of the listed travellers whose document the agency's own list has too. */
  nationalList: ReadonlySet<string>;
  /** The same as CSV of number and issuing state, with some others. */
  nationalCsv: string;
}

export interface CheckResult {
  id: string;
  status: string;
}

/** Starts the system on a synthetic export plus the 35 listed documents, and lays out the day. */
export async function startBorderDay({
  seed,
  size,
  workDir,
  progress,
}: ProofRun): Promise<BorderDay> {
  const random = randomSource(seed);
  const listedAt = new Map<number, string>();
  while (listedAt.size < LISTED_COUNT) {
    const position = random.below(size);
    if (!listedAt.has(position)) listedAt.set(position, listedNumber(listedAt.size));
  }
  const nationalList = new Set(
    [...listedAt.keys()].slice(0, ON_NATIONAL_LIST_COUNT).map((position) => `t${position}`),
  );

  const background = join(workDir, 'background.csv');
  const reported = join(workDir, 'reported.csv');
  execFileSync(
    process.execPath,
    [
      ...['data-build/cli.ts', 'generate', '--rows', String(BACKGROUND_ROWS)],
      ...['--seed', String(seed), '--out', background],
    ],
    { cwd: ROOT, stdio: 'pipe' },
  );
  const rows = [...listedAt].map(
    ([position, number]) => `${number},${stateOf(position)},PAS,stolen,2017-05-01`,
  );
  const header = 'number,issuing_state,document_type,category,date_of_theft';
  writeFileSync(reported, `${[header, ...rows].join('\n')}\n`);

  const system = await startSystem({
    stateDir: join(workDir, 'state'),
    exportFiles: [background, reported],
    onStep: progress,
  });

  function* batches(): Generator<Traveller[]> {
    const numbers = randomSource(seed + 1);
    for (let first = 0; first < size; first += BATCH_SIZE) {
      const batch: Traveller[] = [];
      for (let position = first; position < Math.min(size, first + BATCH_SIZE); position++) {
        const unlisted = `X${String(numbers.below(1e8)).padStart(8, '0')}`;
        batch.push(traveller(position, listedAt.get(position) ?? unlisted, listedAt.has(position)));
      }
      yield batch;
    }
  }
  const nationalCsv = [
    'number,issuing_state',
    ...[...listedAt]
      .slice(0, ON_NATIONAL_LIST_COUNT)
      .map(([position, number]) => `${number},${stateOf(position)}`),
    ...STATES.map((state) => `QY1234567,${state}`),
  ].join('\n');
  return { system, batches, nationalList, nationalCsv };
}

/** One request to the edge: the results in the order of the batch. */
export async function askBatch(
  system: System,
  token: string,
  batch: readonly Traveller[],
  { operation }: { operation?: string } = {},
): Promise<CheckResult[]> {
  const response = await fetch(`${system.edgeUrl}/v1/checks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      purpose: 'border-check',
      direction: 'entry',
      operation,
      documents: batch.map(({ question }) => question),
    }),
  });
  if (!response.ok) throw new Error(`the edge answered a batch with ${response.status}`);
  const { results } = (await response.json()) as { results: CheckResult[] };
  if (results.length !== batch.length) throw new Error('the edge left out results');
  results.forEach(({ id }, index) => {
    if (id !== batch[index]?.id) throw new Error('the edge answered in another order');
  });
  return results;
}

const stateOf = (position: number) => STATES[position % STATES.length] as string;

/** Numbers that the background cannot have: the synthetic export has no such series. */
const listedNumber = (index: number) => `QZ${String(7_000_000 + index * 7_919)}`;

function traveller(position: number, number: string, listed: boolean): Traveller {
  const id = `t${position}`;
  const issuingState = stateOf(position);
  if (position % 2 === 0) {
    return { id, listed, question: { id, number, issuingState, documentClass: 'passport' } };
  }
  const lines = renderMrz({
    format: 'TD3',
    documentCode: 'P',
    issuingState,
    documentNumber: number,
    nationality: issuingState,
    birthDate: '800101',
    sex: 'F',
    expiryDate: '301231',
    name: 'SPECIMEN<<TEST',
  });
  return { id, listed, question: { id, mrz: lines.join('\n') } };
}
