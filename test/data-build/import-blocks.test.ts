/** An export cut into blocks and read by threads is the export read by one reader, row by row. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { CZ_MVCR } from '../../data-build/import/profiles/cz-mvcr.ts';
import { RU_MVD } from '../../data-build/import/profiles/ru-mvd.ts';
import type { Profile } from '../../data-build/import/profile.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { readMapping } from '../../data-build/import/mapping.ts';
import { readRows } from '../../data-build/import/read-rows.ts';
import { RejectLog } from '../../data-build/import/rejects.ts';
import { newCounts } from '../../data-build/import/row-reader.ts';
import { RemovedKeys } from '../../data-build/import/removed-keys.ts';
import { KeyEncoder } from '../../data-build/key-file/key-encoder.ts';
import { importRows } from '../../data-build/key-file/import-rows.ts';
import { Progress } from '../../data-build/progress.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import type { Threads } from '../../data-build/threads/threads.ts';
import { workspace } from './workspace.ts';

const space = workspace();
const one = buildThreads(1);
const three = buildThreads(3);
afterAll(() => three.close());
let runs = 0;

/** What an import leaves, or the code of its error. */
type Outcome = Record<string, unknown> | { error: unknown };

async function outcome(work: () => Promise<Record<string, unknown>>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    return { error: (error as { code?: string }).code ?? error };
  }
}

/** By one reader, in one piece: the rule. */
function atOnce(file: string, profile: Profile): Promise<Outcome> {
  return outcome(async () => {
    const rejectsPath = space.path(`once-${runs++}.rejects`);
    const rejects = new RejectLog(rejectsPath);
    const counts = newCounts();
    const removed = new RemovedKeys();
    const encoder = new KeyEncoder(removed.byKey);
    await readRows({
      ...{ profile, files: [file], rejects, counts, tempDir: space.dir, now: Date.now() },
      listed: (index) => encoder.startFile(index),
      removed: (index) => removed.startFile(index),
    });
    rejects.close();
    const { entries, ...keys } = encoder.take();
    return { ...keys, counts, entries: hex(entries), rejects: readFileSync(rejectsPath, 'utf8') };
  });
}

/** In blocks, by threads. */
function inBlocks(
  file: string,
  profile: Profile,
  { blockBytes, threads }: { blockBytes: number; threads: Threads },
): Promise<Outcome> {
  return outcome(async () => {
    const id = runs++;
    const rejectsPath = space.path(`blocks-${id}.rejects`);
    const { counts, keyFile, withdrawn } = await importRows(
      { profile, files: [file], rejectsPath, signal: undefined },
      {
        ...{ tempDir: space.folder(`blocks-${id}`), progress: new Progress(undefined) },
        ...{ threads, blockBytes },
      },
    );
    const { path, keyCount, keyCounts } = keyFile;
    return {
      ...{ keyCount, keyCounts, withdrawnCount: withdrawn, counts },
      ...{ entries: hex(readFileSync(path)), rejects: readFileSync(rejectsPath, 'utf8') },
    };
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('an export in blocks', () => {
  const header = 'issuing_state,document_type,number,number_from,number_to,category,reported_at\n';
  const row = fc.constantFrom(
    ...['UTO,PAS,A1,,,lost,2024-01-02\n', 'D,IDC,ß-9 x,,,"stolen",2025-01-02\r\n'],
    ...['UTO,PAS,"A""2",,,lost,\r', '"UTO\n",PAS,A3,,,lost,\n', 'UTO,RES,,B10,B40,stolen-blank,\n'],
    ...['nowhere,PAS,A4,,,lost,\n', 'UTO,PAS\n', '\n', '\r\n', '"UTO,PAS,A5,,,lost,\n'],
    ...['UTO,PAS,A6,,,"lo"st",\n', 'UTO,,A7,,,?,2030-01-01\n', 'UTO,PAS,Ж12345,,,lost,\n'],
  );
  const scraps = fc.string({ unit: fc.constantFrom(...'ab1,"\n\rUTO,é'), maxLength: 12 });
  const texts = fc
    .array(fc.oneof({ weight: 3, arbitrary: row }, scraps), { maxLength: 25 })
    .map((parts) => header + parts.join(''));

  test('promise 1: any bytes, cut anywhere, are the rows, lines and counts of one reader', async () => {
    const property = fc.asyncProperty(
      texts,
      fc.integer({ min: 1, max: 90 }),
      fc.boolean(),
      async (text, blockBytes, isThreaded) => {
        const file = space.write('hostile.csv', text);
        const expected = await atOnce(file, SLTD);
        const threads = isThreaded ? three : one;
        expect(await inBlocks(file, SLTD, { blockBytes, threads })).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test('no line break, none but CR, and a row longer than a row may be', async () => {
    const long = 'x'.repeat(1_100_000);
    const files = {
      none: header.trimEnd(),
      cr: `${header}UTO,PAS,A1,,,lost,\nUTO,PAS,A2,,,lost,\n`.replaceAll('\n', '\r'),
      long: `${header}UTO,PAS,A1,,,lost,${long}\nUTO,PAS,A2,,,lost,\n"${long}\n${long}\n`,
      quoted: `${header}${'"UTO","PAS","A1","\n\n\n\n\n\n\n\n","",lost,\n'.repeat(50)}`,
    };
    for (const [name, text] of Object.entries(files)) {
      const file = space.write(`${name}.csv`, text);
      const expected = await atOnce(file, SLTD);
      for (const blockBytes of [7, 100_000, 1_000_000]) {
        if (name === 'long' && blockBytes === 7) continue;
        expect(await inBlocks(file, SLTD, { blockBytes, threads: one }), name).toEqual(expected);
      }
    }
  });

  test('a synthetic export in every format, by threads', async () => {
    const progress = new Progress(undefined);
    for (const format of ['csv', 'ndjson', 'parquet'] as const) {
      const file = space.path(`synthetic.${format}`);
      await generateExport({
        ...{ rowCount: 3_000, seed: 9, path: file, format, malformedCount: 200, progress },
      });
      const expected = await atOnce(file, SLTD);
      expect(expected).toHaveProperty('counts.rows', 3_000);
      const options = { blockBytes: 10_000, threads: three };
      expect(await inBlocks(file, SLTD, options), format).toEqual(expected);
    }
  });

  test('profiles with and without a header, and of a mapping file', async () => {
    const text = Array.from({ length: 200 }, (_, i) => `4004,${140_000 + i}`).join('\n');
    const mapping = space.write(
      'mapping.json',
      JSON.stringify({ number: ['b'], headerless: [['a', 'b']], constants: { state: 'UTO' } }),
    );
    const profiles: [Profile, string][] = [
      [RU_MVD, `PASSP_SERIES,PASSP_NUMBER\n${text}\n`],
      [CZ_MVCR, text.replaceAll(',', ';')],
      [readMapping(mapping), text],
      [{ ...readMapping(mapping), name: 'made-here' }, text],
    ];
    for (const [profile, content] of profiles) {
      const file = space.write('profile.csv', content);
      const options = { blockBytes: 300, threads: three };
      expect(await inBlocks(file, profile, options)).toEqual(await atOnce(file, profile));
    }
  });
});
