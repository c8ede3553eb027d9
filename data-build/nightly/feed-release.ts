/**
 * Release of one feed among several: a person lets a delivery in that the gates refused.
 *
 * What was refused waits as `feeds/NAME.refused.json`, by the digest of its files: the job fetches them again
 * each night. A release holds for these very files against the very delivery that they were compared with,
 * and ends with the first one that comes in force.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { type Refusal, refusalText } from '../gates/gates.ts';
import { refusalLines, refusalsSchema } from '../gates/quarantine.ts';
import { checkReleased, type ReleasedBy } from '../gates/release.ts';
import { writeJson } from '../gates/write-json.ts';
import { FEED_NAME } from './config.ts';

const waitingSchema = v.object({
  /** Digest of the delivered files, and of those in force that they were compared with. */
  inputsSha256: v.string(),
  comparedWith: v.string(),
  /** ISO 8601. */
  refusedAt: v.string(),
  refusals: refusalsSchema,
});
const releasedSchema = v.object({
  ...waitingSchema.entries,
  ...{ gates: v.array(v.string()), by: v.string(), reason: v.string(), releasedAt: v.string() },
});

/** A feed of a job, by the job's state directory. */
interface FeedPlace {
  stateDir: string;
  name: string;
}

/** What the gates say of a delivery. */
interface Judged {
  inputsSha256: string;
  comparedWith: string;
  refusals: readonly Refusal[];
}

const waitingPath = ({ stateDir, name }: FeedPlace) =>
  join(stateDir, 'feeds', `${name}.refused.json`);
const releasedPath = ({ stateDir, name }: FeedPlace) =>
  join(stateDir, 'feeds', `${name}.released.json`);

/** Throws 'gate-refused', and has the delivery wait, unless a person let in all that was found. */
export function passFeedGates(place: FeedPlace, judged: Judged): void {
  const { inputsSha256, comparedWith } = judged;
  const released = read(releasedPath(place), releasedSchema);
  const isOfThese =
    released?.inputsSha256 === inputsSha256 && released.comparedWith === comparedWith;
  const refusals = judged.refusals.filter(
    ({ gate }) => !(isOfThese && released.gates.includes(gate)),
  );
  if (refusals.length === 0) {
    rmSync(waitingPath(place), { force: true });
    return;
  }
  mkdirSync(join(place.stateDir, 'feeds'), { recursive: true, mode: 0o700 });
  const refusedAt = new Date().toISOString();
  writeJson(waitingPath(place), { inputsSha256, comparedWith, refusedAt, refusals });
  throw new SltdError('gate-refused', { detail: refusalText(refusals) });
}

/** Lets the waiting delivery in; 'release-invalid' unless these very gates are named, by somebody with a reason. */
export function releaseFeed(place: FeedPlace, { gates, by, reason }: ReleasedBy): void {
  const waiting = readWaiting(place);
  checkReleased(waiting.refusals, { gates, by, reason });
  const releasedAt = new Date().toISOString();
  writeJson(releasedPath(place), { ...waiting, gates, by, reason, releasedAt });
  rmSync(waitingPath(place));
}

/** A few lines that say why the delivery waits, for a person; throws as releaseFeed() does. */
export function waitingText(place: FeedPlace): string {
  const { refusedAt, refusals } = readWaiting(place);
  return [`feed ${place.name} waits since ${refusedAt}`, ...refusalLines(refusals)].join('\n');
}

/** A delivery comes in force: its release goes with it, as `.released.json` in `folder`; any other one ends. */
export function endFeedRelease(place: FeedPlace, inputsSha256: string, folder: string): void {
  const path = releasedPath(place);
  const isOfThese = read(path, releasedSchema)?.inputsSha256 === inputsSha256;
  if (isOfThese) renameSync(path, join(folder, '.released.json'));
  else rmSync(path, { force: true });
}

function readWaiting(place: FeedPlace) {
  if (!FEED_NAME.test(place.name)) throw new SltdError('release-invalid', { detail: 'no feed' });
  const waiting = read(waitingPath(place), waitingSchema);
  if (waiting) return waiting;
  const detail = existsSync(waitingPath(place))
    ? 'the file is not readable'
    : 'no delivery of such a feed waits';
  throw new SltdError('release-invalid', { detail });
}

/** Undefined if there is none, or it is not one. */
function read<T extends v.GenericSchema>(path: string, schema: T): v.InferOutput<T> | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
