/** `sltd publish`: brings a built edition into another store, proves it there, puts it in force. */

import { openStore } from '../../publish/open-store.ts';
import { SltdError } from '../../src/errors.ts';
import { equalBytes } from '../../src/format/names.ts';
import { type Command, type CommandInput, EXIT, KEYS_OPTION, UsageError } from '../command.ts';
import { openEdition } from '../edition/open-edition.ts';
import { parseLimits } from '../gates/limits.ts';
import type { ReleasedBy } from '../gates/release.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { bytesOf } from '../import/read-export.ts';
import { importRows } from '../key-file/import-rows.ts';
import type { KeyFile } from '../key-file/key-file.ts';
import { readKeys } from '../keys/keys.ts';
import { Progress } from '../progress.ts';
import { publishBuiltEdition } from '../publish-edition.ts';
import { openTempDir } from '../temp-dir.ts';
import { buildThreads } from '../threads/build-threads.ts';
import { threadCountFor } from '../threads/threads.ts';
import { IMPORT_OPTIONS, profileOf, THREADS_OPTION, threadCountOf } from './build.ts';

export const PUBLISH: Command = {
  name: 'publish',
  summary: 'copies a built edition into a store, asks it there for every record, puts it in force',
  operands: 'DIR [FILE...]',
  operandCount: { min: 1, max: 1001 },
  options: {
    ...IMPORT_OPTIONS,
    ...THREADS_OPTION,
    to: {
      value: 'STORE',
      help: 'a directory, or s3://bucket/prefix (AWS_... in the environment)',
      required: true,
    },
    keys: KEYS_OPTION,
    'hashes-only': { help: 'proves pages by their hashes, without the export to ask for' },
    'drop-overlay': { help: 'even if reports are newer than the edition' },
    limits: {
      value: 'NAME=N,...',
      help: 'how unlike the edition in force there it may be (docs/operations.md)',
    },
    operations: {
      value: 'FILE',
      help: 'what central took since the edition in force there: with it, it must make this one',
    },
    gate: { value: 'NAME,...', help: 'every gate that refused it; with --by and --reason' },
    by: { value: 'NAME', help: 'who answers for it' },
    reason: { value: 'TEXT', help: 'why it is right all the same' },
    temp: { value: 'DIR', help: "for temporary files; the machine's own if not given" },
  },
  run: async (input) => {
    const { values, switches, signal } = input;
    const [dir, ...files] = input.operands;
    const hashesOnly = switches.has('hashes-only');
    if ((files.length === 0) !== hashesOnly) {
      throw new UsageError('give the export FILEs that it was built from, or --hashes-only');
    }
    const profile = hashesOnly ? undefined : profileOf(input);
    const { operations: file } = values;
    const log = file === undefined ? undefined : { file };
    const gates = { limits: parseLimits(values.limits), release: releaseOf(input), log };
    const keys = readKeys(values.keys, ['epochKey', 'edition', 'overlay', 'head']);
    const from = openStore(dir!);
    const to = openStore(values.to!);
    const progress = new Progress(process.stderr);
    const threads = buildThreads(threadCountOf(input) ?? threadCountFor(bytesOf(files)));
    const temp = openTempDir(values.temp);
    try {
      const edition = await openEdition(from, keys);
      let records: KeyFile | undefined;
      if (profile) {
        progress.start('import');
        const options = { profile, files, rejectsPath: undefined, signal };
        const imported = await importRows(options, { tempDir: temp.path, progress, threads });
        const inputsSha256 = await inputsSha256Of(profile, imported.files);
        if (!equalBytes(inputsSha256, edition.manifest.inputsSha256)) {
          throw new SltdError('verify-failed', { detail: 'built from other files or profile' });
        }
        records = imported.keyFile;
      }
      const summary = await publishBuiltEdition({
        ...{ from, to, edition, keys, records, threads, progress, signal },
        dropsOverlay: switches.has('drop-overlay'),
        gates,
      });
      process.stdout.write(`${JSON.stringify(summary, null, process.stdout.isTTY ? 2 : 0)}\n`);
      return EXIT.ok;
    } finally {
      threads.close();
      temp.remove();
    }
  },
};

/** Who lets an edition through that a gate refused; undefined if nobody does. */
function releaseOf({ values: { gate, by, reason } }: CommandInput): ReleasedBy | undefined {
  if (gate === undefined && by === undefined && reason === undefined) return undefined;
  if (!gate || !by || !reason) throw new UsageError('give --gate, --by and --reason together');
  return { gates: gate.split(','), by, reason };
}
