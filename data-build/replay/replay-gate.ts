/**
 * The replay as a gate: before a new edition comes in force, the one before it and central's log make it.
 *
 * Where the head in force tells of a log of central, an edition that nobody held against it is refused: an
 * export that lost a report looks like any other. Without a log there is nothing to replay. Where exports have
 * changes that no log knows of, the settings say so, with the reason.
 */

import type { ReadableStore } from '../../publish/read-object.ts';
import { SltdError } from '../../src/errors.ts';
import type { HeadContent } from '../../src/format/head.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { equalBytes } from '../../src/format/names.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import type { EditionInForce } from '../edition/open-edition.ts';
import { readMatcherModule } from '../matcher-module.ts';
import { readOperationFile } from './operation-file.ts';
import { differenceLines, replayMatches } from './replay-editions.ts';

/** Central's log since before the edition in force, or why there is none for these exports. */
export type OperationLog =
  /** As `central operations` writes it. */
  { file: string } | { withoutBecause: string };

/** What was done, for the summary. */
export type Replayed = { operations: number; keys: number } | { withoutBecause: string };

export interface ReplayGate {
  /** The edition in force, and what holds its pages. */
  base: EditionInForce & { store: ReadableStore };
  /** The edition that is to follow it. */
  next: { store: ReadableStore; manifest: Manifest; manifestSha256: Uint8Array };
  /** Of the next edition: 16 bytes. */
  epochKey: Uint8Array;
  log: OperationLog | undefined;
  signal?: AbortSignal | undefined;
}

/** What it came to: lines that refuse, none if the edition may pass; `replayed` if there was something to do. */
export interface ReplayOutcome {
  details: string[];
  replayed?: Replayed | undefined;
}

/**
 * Whether central keeps a log for the store of this head: it has an overlay, or had one. One that was dropped and
 * is not made anew yet is when reports are in no other place than the log.
 */
export const hasLog = ({ overlaySha256, reportedUntil }: HeadContent): boolean =>
  overlaySha256 !== undefined || reportedUntil > 0;

/** Asks the gate. Throws what the file of operations is refused with, and 'store-unavailable'. */
export async function askReplay(gate: ReplayGate): Promise<ReplayOutcome> {
  const { base, next, log } = gate;
  if (equalBytes(base.head.manifestSha256, next.manifestSha256)) return { details: [] };
  if (!log) {
    if (!hasLog(base.head)) return { details: [] };
    return { details: ['central has a log, and no operations of it were given'] };
  }
  if ('withoutBecause' in log) return { details: [], replayed: log };
  if (!equalBytes(base.manifest.epochKeyId, next.manifest.epochKeyId)) {
    return { details: ['it is under another epoch key: nothing can be compared'] };
  }
  return replay(gate, log.file);
}

async function replay(
  { base, next, epochKey, signal }: ReplayGate,
  file: string,
): Promise<ReplayOutcome> {
  try {
    const result = await replayMatches({
      ...{ base, next, epochKey, signal },
      matcher: new WasmMatcher(readMatcherModule()),
      operations: readOperationFile(file),
    });
    const { operationCount: operations, keyCount: keys } = result;
    return { details: differenceLines(result), replayed: { operations, keys } };
  } catch (error) {
    // A damaged edition in force must not stop its own remedy for good; what was asked wrongly is told.
    if (!(error instanceof SltdError) || !/^(format|page)-/.test(error.code)) throw error;
    return { details: [`a page of the edition in force cannot be read: ${error.code}`] };
  }
}
