/**
 * `npm start`: the whole path on this machine, from the sample export to answered questions.
 *
 * Builds an edition, loads central, starts the edge on http://localhost:8787, asks a handful of
 * questions, prints the answers, and stays up until Ctrl-C. State is kept in .sltd/.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publishSpecimenCards } from './specimen-cards.ts';
import { portIsFree, type System, startSystem } from './system.ts';
import { startTraining, trainingCollection } from './training.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EDGE_PORT = 8787;
const CENTRAL_PORT = 8788;
const ORIGIN_PORT = 8789;
const TRAINING_PORTS = { central: 8790, origin: 8791 };
const STATE_DIR = join(ROOT, '.sltd');
const EXPORT_FILES = [join(ROOT, 'data-build/sample/sltd-sample.csv')];

/** Questions that show one status each; all documents are specimens or made up. */
const QUESTIONS = [
  {
    label: 'A document nobody reported, by its fields',
    document: { number: 'C01X00T47', issuingState: 'D', documentClass: 'passport' },
  },
  {
    label: 'The Doc 9303 specimen passport, listed as stolen, by its MRZ',
    document: {
      mrz: [
        'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
        'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
      ].join('\n'),
    },
  },
  {
    label: 'The same passport with its L misread as 1 (the check digit still fits)',
    document: {
      mrz: [
        'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
        '1898902C36UTO7408122F1204159ZE184226B<<<<<10',
      ].join('\n'),
    },
  },
  {
    label: 'The same passport with a 9 misread as 4 (a wrong check digit)',
    document: {
      mrz: [
        'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
        'L848902C36UTO7408122F1204159ZE184226B<<<<<10',
      ].join('\n'),
    },
  },
];

async function main(): Promise<number> {
  for (const port of [EDGE_PORT, CENTRAL_PORT, ORIGIN_PORT, ...Object.values(TRAINING_PORTS)]) {
    if (!(await portIsFree(port))) {
      console.error(`Port ${port} is in use: end what listens there and start again.`);
      return 1;
    }
  }
  let system: System | undefined;
  const interrupt = new AbortController();
  const end = new Promise<void>((resolve) => {
    const onSignal = () => {
      if (interrupt.signal.aborted) process.exit(130);
      console.log('\nStopping.');
      interrupt.abort();
      resolve();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  });

  const started = Date.now();
  const starting = startSystem({
    signal: interrupt.signal,
    stateDir: STATE_DIR,
    exportFiles: EXPORT_FILES,
    ports: { edge: EDGE_PORT, central: CENTRAL_PORT, origin: ORIGIN_PORT },
    settings: { edge: { COLLECTIONS: trainingCollection(TRAINING_PORTS) } },
    onStep: (text) => console.log(`[${((Date.now() - started) / 1000).toFixed(1)} s] ${text}`),
  });
  try {
    system = await starting;
    if (!interrupt.signal.aborted) {
      await publishSpecimenCards(system);
      const token = await system.token('officer');
      for (const question of QUESTIONS) await ask(system.edgeUrl, token, question);
      console.log(`\nRunning on http://localhost:${EDGE_PORT} (Ctrl-C ends it).`);
      console.log('Build report: .sltd/report.html. A token for your own questions, 12 hours:\n');
      console.log(`${token}\n`);
      const options = { stateDir: STATE_DIR, exportFiles: EXPORT_FILES, ports: TRAINING_PORTS };
      const trainee = await Promise.race([startTraining(system, options), end]);
      if (trainee)
        console.log(`The same for a training, with bureaus that are played:\n\n${trainee}\n`);
      await Promise.race([end, system.failure]);
    }
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) return 0;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await system?.stop();
  }
}

interface Question {
  label: string;
  document: object;
}

interface Answer {
  status: string;
  code?: string;
  title?: string;
  advice?: string;
  collections?: { basis?: string; edition: string; ageSeconds: number; freshness: string }[];
  match?: { spelling: string; category?: string; number?: string };
  cards?: { titles: { en: string } }[];
}

async function ask(edgeUrl: string, token: string, { label, document }: Question): Promise<void> {
  const response = await fetch(`${edgeUrl}/v1/checks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...document, purpose: 'border-check', direction: 'entry' }),
  });
  const answer = (await response.json()) as Answer;
  const list = answer.collections?.[0];
  const facts = [
    answer.title ?? answer.code,
    answer.match && `matched ${answer.match.spelling} spelling ${answer.match.number ?? ''}`.trim(),
    answer.match?.category,
    answer.advice && `advice: ${answer.advice}`,
    ...(answer.cards ?? []).map(({ titles }) => `card: ${titles.en}`),
    list && `edition ${list.edition.slice(0, 8)}, ${list.freshness}, ${list.ageSeconds} s old`,
  ].filter(Boolean);
  console.log(`\n${label}\n  ${answer.status.toUpperCase()} (HTTP ${response.status})`);
  for (const fact of facts) console.log(`  ${fact}`);
}

process.exitCode = await main();
