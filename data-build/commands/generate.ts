/** `sltd generate`: writes a synthetic SLTD export. */

import { type Command, EXIT, oneOf, UsageError, wholeNumber } from '../command.ts';
import { SPECIMENS } from '../generate/synthetic-rows.ts';
import { EXPORT_FORMATS, generateExport } from '../generate/write-export.ts';
import { Progress } from '../progress.ts';

export const GENERATE: Command = {
  name: 'generate',
  summary: 'writes a synthetic SLTD export; the same rows for the same seed',
  options: {
    rows: { value: 'N', help: 'rows, the specimens of UTO included', required: true },
    seed: { value: 'N', help: 'chooses the rows', default: '1' },
    out: { value: 'FILE', help: 'where to write them', required: true },
    format: { value: 'FORMAT', help: EXPORT_FORMATS.join(', '), default: 'csv' },
    malformed: { value: 'N', help: 'rows that cannot be imported', default: '0' },
    asked: { value: 'FILE', help: 'writes questions with known answers too (NDJSON)' },
  },
  run: async (input) => {
    const rowCount = wholeNumber(input, 'rows', { min: SPECIMENS.length, max: 1_000_000_000 });
    const malformedCount = wholeNumber(input, 'malformed', { min: 0, max: 1_000_000_000 });
    if (malformedCount > rowCount / 4) throw new UsageError('--malformed takes up to rows / 4');
    if (/\.(gz|zst|bz2|zip)$/i.test(input.values.out!)) {
      throw new UsageError('--out writes the file as it is: compress it afterwards');
    }
    await generateExport({
      ...{ rowCount, malformedCount },
      seed: wholeNumber(input, 'seed', { min: 0, max: 2 ** 32 - 1 }),
      path: input.values.out!,
      format: oneOf(input, 'format', EXPORT_FORMATS),
      askedPath: input.values.asked,
      progress: new Progress(process.stderr),
      signal: input.signal,
    });
    process.stdout.write(`${rowCount} rows written\n`);
    return EXIT.ok;
  },
};
