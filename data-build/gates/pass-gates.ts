/**
 * The last step before the head: the edition that was built against the one in force.
 *
 * It stands behind the verification, so that what waits in quarantine is whole and can be released in a
 * second. The first edition of a directory has nothing to be compared with, and its summary says so.
 */

import type { DirectoryStore } from '../../publish/directory-store.ts';
import { SltdError } from '../../src/errors.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { toHex } from '../../src/format/names.ts';
import { type EditionInForce, openInForce } from '../edition/open-edition.ts';
import type { KeysOf } from '../keys/keys.ts';
import { askReplay, type OperationLog, type Replayed } from '../replay/replay-gate.ts';
import { shapeInForce, writeBuildRecord } from './build-record.ts';
import { checkGates, GATES, type GateName, type GateResult } from './gates.ts';
import type { GateLimits } from './limits.ts';
import type { InputShape, ListShape } from './list-shape.ts';
import { GateRefusal, writeQuarantine } from './quarantine.ts';
import { refuseReplaced } from './was-replaced.ts';

interface Built {
  directory: DirectoryStore;
  keys: KeysOf<'edition' | 'head'>;
  limits: GateLimits;
  /** Name of the manifest. */
  edition: string;
  collection: string;
  manifestSha256: Uint8Array;
  manifestLength: number;
  manifest: Manifest;
  epochKey: Uint8Array;
  /** The edition in force and these operations must make it. */
  log: OperationLog | undefined;
  shape: ListShape & { input: InputShape };
  signal?: AbortSignal | undefined;
}

/** What was checked, for the summary. */
export interface GateReport {
  /** Edition that it was compared with; undefined for the first one. */
  comparedWith: string | undefined;
  /** Gates that had nothing to compare with. */
  unchecked: GateName[];
  /** What it was replayed with; absent if there was nothing to replay. */
  replayed?: Replayed | undefined;
}

/** Lets the edition pass and notes its record, or puts it into quarantine and throws GateRefusal. */
export async function passGates(built: Built): Promise<GateReport> {
  const { directory, edition, shape } = built;
  const compared = await compare(built);
  if (compared.refusals.length > 0) {
    const quarantine = {
      ...{ edition, collection: built.collection, manifestLength: built.manifestLength },
      ...{ refusedAt: new Date().toISOString(), inForce: compared.inForce, input: shape.input },
      ...{ refusals: compared.refusals, unchecked: compared.unchecked },
    };
    writeQuarantine(directory, quarantine);
    throw new GateRefusal(quarantine);
  }
  writeBuildRecord(directory, edition, shape.input);
  const { inForce, unchecked, replayed } = compared;
  return { comparedWith: inForce || undefined, unchecked, ...(replayed ? { replayed } : {}) };
}

/** `inForce` is empty if there is no edition yet. */
async function compare(
  built: Built,
): Promise<GateResult & { inForce: string; replayed?: Replayed | undefined }> {
  let last: EditionInForce;
  try {
    last = await openInForce(built.directory, built.keys);
  } catch (error) {
    if (!(error instanceof SltdError)) throw error;
    if (error.code === 'edition-missing') {
      return { refusals: [], unchecked: Object.keys(GATES) as GateName[], inForce: '' };
    }
    // Damaged: a new edition is the remedy, but not one that nobody compared with anything.
    const details = [`the edition in force cannot be read: ${error.code}`];
    return { refusals: [{ gate: 'baseline', details }], unchecked: [], inForce: 'unreadable' };
  }
  const before = shapeInForce(built.directory, last);
  const { refusals: unlike, unchecked } = checkGates({
    ...{ before, now: built.shape, limits: built.limits },
  });
  const inForce = toHex(last.head.manifestSha256);
  const { edition, shape } = built;
  const { inputsSha256 } = before;
  const replaced = await refuseReplaced(
    built.directory,
    { edition, inputsSha256: shape.inputsSha256 },
    { edition: inForce, inputsSha256 },
  );
  const refusals = [...replaced, ...unlike];
  const { directory: store, manifest, manifestSha256, epochKey, log, signal } = built;
  const { details, replayed } = await askReplay({
    ...{ base: { store, ...last }, next: { store, manifest, manifestSha256 } },
    ...{ epochKey, log, signal },
  });
  if (details.length > 0) refusals.push({ gate: 'replay', details });
  return { refusals, unchecked, inForce, replayed };
}
