/** `sltd verify`: reads an edition back and asks it for every record of the export. */

import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { SltdError } from '../../src/errors.ts';
import { equalBytes } from '../../src/format/names.ts';
import { type Command, EXIT, wholeNumber } from '../command.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { readKeys } from '../keys.ts';
import { readMatcherModule } from '../matcher-module.ts';
import { openEdition } from '../open-edition.ts';
import { importRows } from '../pipeline.ts';
import { Progress } from '../progress.ts';
import { checkReference } from '../reference-check.ts';
import { filterRates } from '../summary.ts';
import { openTempDir } from '../temp-dir.ts';
import { checkVerified, verifyEdition } from '../verify-edition.ts';
import { IMPORT_OPTIONS, profileOf } from './build.ts';

export const VERIFY: Command = {
  name: 'verify',
  summary: 'reads an edition back and asks it for every record of the export, and for others',
  operands: 'DIR FILE...',
  operandCount: { min: 2, max: 1001 },
  options: {
    ...IMPORT_OPTIONS,
    keys: { value: 'FILE', help: 'the keys file', required: true },
    'non-members': { value: 'N', help: 'documents not listed to ask for', default: '10000000' },
    temp: { value: 'DIR', help: "for temporary files; the machine's own if not given" },
  },
  run: async (input) => {
    const { values, signal } = input;
    const [dir, ...files] = input.operands;
    const nonMemberCount = wholeNumber(input, 'non-members', { min: 0, max: 10_000_000_000 });
    const profile = profileOf(input);
    const keys = readKeys(values.keys!);
    const store = new DirectoryStore(dir!);
    const module = readMatcherModule();
    const progress = new Progress(process.stderr);
    const temp = openTempDir(values.temp);
    try {
      const { manifest, head, epochKey } = await openEdition(store, keys);
      progress.start('import');
      const keyFile = join(temp.path, 'keys');
      const options = { profile, files, rejectsPath: undefined, signal };
      const imported = await importRows(options, { keyFile, tempDir: temp.path, progress });
      progress.start('verify');
      const result = await verifyEdition({
        ...{ store, manifest, module, epochKey, keyFile, nonMemberCount, signal },
        keyCount: imported.keys,
        onProgress: (done, total) => progress.update(done, total, 'documents'),
      });
      progress.start('reference');
      const reference = await checkReference({
        ...{ store, manifest, module, epochKey, keyFile, keyCount: imported.keys },
      });
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
      if (imported.keys === 0) throw new SltdError('input-empty', { detail: 'no row accepted' });
      checkVerified(result, imported.keys, reference);
      return EXIT.ok;
    } finally {
      temp.remove();
    }
  },
};
