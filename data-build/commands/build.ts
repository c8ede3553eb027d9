/** `sltd build`: an export becomes a verified edition, put in force at the end. */

import { PERMIT_DAYS } from '../../publish/permit.ts';
import { COLLECTION } from '../../src/format/collection.ts';
import {
  type Command,
  type CommandInput,
  decimalNumber,
  EXIT,
  KEYS_OPTION,
  timeOption,
  UsageError,
  wholeNumber,
} from '../command.ts';
import { parseLimits } from '../gates/limits.ts';
import { GateRefusal, quarantineText } from '../gates/quarantine.ts';
import { findProfile, PROFILES } from '../import/find-profile.ts';
import type { Profile } from '../import/profile.ts';
import { REJECTS_MAX_PERCENT } from '../import/rejects.ts';
import { readRestrictions } from '../import/restriction-file.ts';
import { readKeys } from '../keys/keys.ts';
import { PAGE_SIZE_BOUNDS, PAGE_SIZES } from '../pages/page-sizes.ts';
import { type BuildOptions, type BuildSummary, buildEdition } from '../pipeline.ts';
import { Progress } from '../progress.ts';
import { writeReport } from '../report/report.ts';
import { buildSummaryJson, buildSummaryText } from '../report/summary.ts';

/** How an export is read; the same for build and verify. */
export const IMPORT_OPTIONS = {
  profile: { value: 'NAME', help: PROFILES.map(({ name }) => name).join(', ') },
  mapping: { value: 'FILE', help: 'a profile of your own (docs/export-profiles.md)' },
} as const;

/** The profile that --profile or --mapping names. */
export function profileOf({ values }: CommandInput): Profile {
  if ((values.profile === undefined) === (values.mapping === undefined)) {
    throw new UsageError('give either --profile or --mapping');
  }
  return findProfile({ profile: values.profile, mapping: values.mapping });
}

/** How many threads work; the same for build and verify. */
export const THREADS_OPTION = {
  threads: { value: 'N', help: 'threads that work; one a core if not given' },
} as const;

/** The number of threads that --threads asks for; undefined if it is not given. */
export function threadCountOf(input: CommandInput): number | undefined {
  if (input.values.threads === undefined) return undefined;
  return wholeNumber(input, 'threads', { min: 1, max: 64 });
}

export const BUILD: Command = {
  name: 'build',
  summary: 'builds an edition from an export, verifies it, and puts it in force',
  operands: 'FILE...',
  operandCount: { min: 1, max: 1000 },
  options: {
    ...IMPORT_OPTIONS,
    ...THREADS_OPTION,
    keys: KEYS_OPTION,
    out: { value: 'DIR', help: 'the edition directory', required: true },
    'as-of': {
      value: 'TIME',
      help: 'up to when the export is complete, or "now"; if not given, its newest report',
    },
    collection: { value: 'NAME', help: 'the list it is', default: 'sltd' },
    'bits-per-key': {
      value: 'N',
      help: 'size of the filter pages',
      default: String(PAGE_SIZES.bitsPerKey),
    },
    'keys-per-shard': {
      value: 'N',
      help: 'size of the pages',
      default: String(PAGE_SIZES.keysPerShard),
    },
    probes: {
      value: 'N',
      help: 'bits that a key sets in its filter page',
      default: String(PAGE_SIZES.probes),
    },
    rejects: { value: 'FILE', help: 'writes where and why rows were rejected (CSV)' },
    'rejects-max': {
      value: 'PERCENT',
      help: 'rejected rows allowed, in percent of all',
      default: String(REJECTS_MAX_PERCENT),
    },
    limits: {
      value: 'NAME=N,...',
      help: 'how unlike the edition in force it may be (docs/operations.md)',
    },
    operations: {
      value: 'FILE',
      help: 'what central took since the edition in force: with it, it must make the new one',
    },
    restrictions: {
      value: 'FILE',
      help: 'who sees no records of whom (CSV: issuing_state,excluded_state)',
    },
    'permit-days': {
      value: 'N',
      help: 'how long the edition may stay in force without another',
      default: String(PERMIT_DAYS),
    },
    report: { value: 'FILE', help: 'writes a page about the build (HTML)' },
    temp: { value: 'DIR', help: "for temporary files; the machine's own if not given" },
    work: {
      value: 'DIR',
      help: 'a build that was killed goes on here behind its last finished step',
    },
  },
  run: async (input) => {
    const { values, operands, signal } = input;
    if (!COLLECTION.test(values.collection!)) {
      throw new UsageError('--collection takes 1 to 24 letters, digits and hyphens');
    }
    // What is wrong on the command line is said before anything is read.
    const settings = {
      profile: profileOf(input),
      asOf: timeOption(input, 'as-of'),
      bitsPerKey: decimalNumber(input, 'bits-per-key', PAGE_SIZE_BOUNDS.bitsPerKey),
      keysPerShard: wholeNumber(input, 'keys-per-shard', PAGE_SIZE_BOUNDS.keysPerShard),
      probes: wholeNumber(input, 'probes', PAGE_SIZE_BOUNDS.probes),
      threadCount: threadCountOf(input),
      limits: parseLimits(values.limits),
      permitDays: wholeNumber(input, 'permit-days', { min: 1, max: 90 }),
      rejectsMaxPercent: decimalNumber(input, 'rejects-max', { min: 0, max: 100 }),
      restrictions: readRestrictions(values.restrictions),
    };
    const summary = await builtOrRefused({
      ...settings,
      files: operands,
      keys: readKeys(values.keys, ['epochKey', 'edition', 'head']),
      outDir: values.out!,
      collection: values.collection!,
      rejectsPath: values.rejects,
      tempRoot: values.temp,
      workDir: values.work,
      log: values.operations === undefined ? undefined : { file: values.operations },
      progress: new Progress(process.stderr),
      signal,
    });
    if (values.report !== undefined) writeReport(values.report, summary);
    print(summary);
    return EXIT.ok;
  },
};

/** Says in full why an edition waits in quarantine: the error line has the names alone. */
async function builtOrRefused(options: BuildOptions): Promise<BuildSummary> {
  try {
    return await buildEdition(options);
  } catch (error) {
    if (error instanceof GateRefusal) {
      process.stderr.write(`${quarantineText(error.quarantine)}\n`);
    }
    throw error;
  }
}

function print(summary: BuildSummary): void {
  const text = process.stdout.isTTY ? buildSummaryText(summary) : buildSummaryJson(summary);
  process.stdout.write(`${text}\n`);
}
