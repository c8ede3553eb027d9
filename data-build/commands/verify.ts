/** `sltd verify`: reads an edition back and asks it for every record of the export. */

import { openStore } from '../../publish/open-store.ts';
import { SltdError } from '../../src/errors.ts';
import { equalBytes } from '../../src/format/names.ts';
import { type Command, EXIT, KEYS_OPTION, wholeNumber } from '../command.ts';
import { openEdition } from '../edition/open-edition.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { bytesOf } from '../import/read-export.ts';
import { importRows } from '../key-file/import-rows.ts';
import { readKeys } from '../keys/keys.ts';
import { Progress } from '../progress.ts';
import { filterRates } from '../report/summary.ts';
import { openTempDir } from '../temp-dir.ts';
import { buildThreads } from '../threads/build-threads.ts';
import { threadCountFor } from '../threads/threads.ts';
import { checkReference } from '../verify/reference-check.ts';
import { checkVerified, verifyEdition } from '../verify/verify-edition.ts';
import { IMPORT_OPTIONS, profileOf, THREADS_OPTION, threadCountOf } from './build.ts';

/** Ten million, and some more for those that are drawn and turn out to be listed: they do not count. */
const NON_MEMBERS = '10010000';

export const VERIFY: Command = {
  name: 'verify',
  summary: 'reads an edition back and asks it for every record of the export, and for others',
  operands: 'STORE FILE...',
  operandCount: { min: 2, max: 1001 },
  options: {
    ...IMPORT_OPTIONS,
    ...THREADS_OPTION,
    keys: KEYS_OPTION,
    'non-members': { value: 'N', help: 'documents not listed to ask for', default: NON_MEMBERS },
    temp: { value: 'DIR', help: "for temporary files; the machine's own if not given" },
  },
  run: async (input) => {
    const { values, signal } = input;
    const [dir, ...files] = input.operands;
    const nonMemberCount = wholeNumber(input, 'non-members', { min: 0, max: 10_000_000_000 });
    const profile = profileOf(input);
    const keys = readKeys(values.keys, ['epochKey', 'edition', 'overlay', 'head']);
    const store = openStore(dir!);
    const progress = new Progress(process.stderr);
    const temp = openTempDir(values.temp);
    const threads = buildThreads(threadCountOf(input) ?? threadCountFor(bytesOf(files)));
    try {
      const { manifest, head, epochKey } = await openEdition(store, keys);
      progress.start('import');
      const options = { profile, files, rejectsPath: undefined, signal };
      const imported = await importRows(options, { tempDir: temp.path, progress, threads });
      const { keyFile } = imported;
      progress.start('verify');
      const result = await verifyEdition({
        ...{ store, manifest, epochKey, keyFile, nonMemberCount, threads, signal },
        onProgress: (done, total) => progress.update(done, total, 'documents'),
      });
      progress.start('reference');
      const reference = await checkReference({ store, manifest, epochKey, keyFile });
      progress.finish();
      const rates = filterRates(result);
      const summary = {
        sequence: head.sequence,
        asOf: new Date(head.asOf).toISOString(),
        rows: imported.counts.rows,
        rejected: imported.rejects.total,
        records: result.asked,
        missing: result.missing,
        wrongCategory: result.wrongCategory,
        strangers: result.strangers,
        nonMembers: result.nonMembers,
        falseCandidates: result.falseCandidates,
        filterRate: rates.measured,
        filterRateTheory: rates.theory,
        referenceChecked: reference.checked,
        referenceDiffers: reference.differs,
        pages: result.pages,
        pageBytes: result.pageBytes,
        /** Whether these very files are the ones that the edition was built from. */
        sameInputs: equalBytes(
          await inputsSha256Of(profile, imported.files),
          manifest.inputsSha256,
        ),
      };
      process.stdout.write(`${JSON.stringify(summary, null, process.stdout.isTTY ? 2 : 0)}\n`);
      if (keyFile.keyCount === 0) throw new SltdError('input-empty', { detail: 'no row accepted' });
      checkVerified(result, keyFile.keyCount, reference);
      return EXIT.ok;
    } finally {
      threads.close();
      temp.remove();
    }
  },
};
