/**
 * A night: fetch > build > verify > gates > publish > report.
 *
 * `state` holds all that lasts: `edition/` with the editions built here, `feeds/` with what the one in force
 * was built from, `reports/`, `last-run.json`. Each step either ends or leaves what was there before, so a
 * night that stops anywhere is made good by running it again; a night that has been done is done once.
 */

import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { publishEdition } from '../../publish/head.ts';
import { isPermitDue, permittingBy } from '../../publish/permit.ts';
import { epochKeyId } from '../../src/document/digest.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { type ErrorCode, SltdError } from '../../src/errors.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { equalBytes, toHex } from '../../src/format/names.ts';
import { decodePermit } from '../../src/format/permit.ts';
import type { Restriction } from '../../src/format/restrictions.ts';
import { signingKey } from '../../src/format/signature.ts';
import { type EditionInForce, openInForce } from '../edition/open-edition.ts';
import { keepNewest } from '../gates/build-record.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { readRestrictions } from '../import/restriction-file.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { epochKeyOf, type KeysOf, readKeys } from '../keys/keys.ts';
import { buildEdition, type StateTime } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import type { PublishSummary } from '../publish-edition.ts';
import type { Replayed } from '../replay/replay-gate.ts';
import { writeReport } from '../report/report.ts';
import type { NightlyConfig } from './config.ts';
import { DAY_MS } from './feed-record.ts';
import { type ChosenFeed, chooseFeeds, keepDelivered, oldest, unchanged } from './feeds.ts';
import { publishNight } from './publish-night.ts';

/** A month of nights. */
const REPORTS_MAX = 31;

/** What a night did; members are part of the tool's interface. */
export interface NightResult {
  outcome: 'published' | 'already-published';
  /** 64 hexadecimal digits. */
  edition: string;
  sequence: number;
  /** ISO 8601. */
  asOf: string;
  records: number;
  /** Rows that were rejected; absent if nothing was built. */
  rejected?: number;
  /** Edition that it was compared with; absent for the first. */
  comparedWith?: string | undefined;
  /** Gates that had nothing to compare with. */
  unchecked?: readonly string[];
  /** Until when it was permitted anew, ISO 8601; absent if its permit lasts. */
  permittedUntil?: string;
  /**
   * When the edition ends with its permit, ISO 8601, if no feed has news before: what all of them deliver is
   * older than `unchanged-days` and `last-good-days`, so it is not permitted anew. Absent for any other.
   */
  permitEndsAt?: string;
  /** What it was replayed with where it was built; absent if there was nothing to replay. */
  replayed?: Replayed | undefined;
  /** What the store was brought; absent if there is none, or the edition is in force there. */
  published?: PublishSummary | undefined;
  feeds: FeedResult[];
}

interface FeedResult {
  name: string;
  /** What stands for the feed: paths below the state directory, in the order in which central loads them. */
  files: string[];
  used: 'delivered' | 'last-good';
  /** Since when it has been delivering the very same bytes, ISO 8601; absent if they are new. */
  unchangedSince?: string;
  /** What is wrong with what was delivered: a refusal of its own, that the exit code tells. */
  code?: ErrorCode;
  details?: string[];
}

interface Night {
  config: NightlyConfig;
  progress: Progress;
  signal: AbortSignal;
}

/** Runs one night; throws what stopped it, with the last edition in force. Call it under the lock. */
export async function runNight({ config, progress, signal }: Night): Promise<NightResult> {
  const keys = readKeys(config.keysPath, ['epochKey', 'edition', 'overlay', 'head']);
  const restrictions = readRestrictions(config.restrictionsFile);
  progress.start('fetch');
  const chosen = await chooseFeeds(config, keys, signal);
  const before = await alreadyInForce(config, keys, { chosen, restrictions });
  const built = before ?? (await build(chosen, keys, { config, restrictions, progress, signal }));
  keepDelivered(config, chosen, built.edition);
  const feeds = chosen.map((each) => resultOf(config, each));
  const files = feeds.flatMap((feed) => feed.files.map((name) => join(config.stateDir, name)));
  const { store } = config;
  const published =
    store === undefined
      ? undefined
      : await publishNight({ config, store, keys, files, progress, signal });
  progress.finish();
  const isDone = before !== undefined && published === undefined;
  return { outcome: isDone ? 'already-published' : 'published', ...built, published, feeds };
}

/** What building and publishing take. */
type NightKeys = KeysOf<'epochKey' | 'edition' | 'overlay' | 'head'>;

type BuiltNight = Omit<NightResult, 'outcome' | 'feeds' | 'published'>;

async function build(
  chosen: readonly ChosenFeed[],
  keys: NightKeys,
  { config, restrictions, progress, signal }: Night & { restrictions: readonly Restriction[] },
): Promise<BuiltNight> {
  const { build, stateDir } = config;
  const summary = await buildEdition({
    ...{ profile: config.profile, keys, collection: config.collection },
    outDir: join(stateDir, 'edition'),
    files: filesOf(chosen).map(({ path }) => path),
    // Of the last good deliveries too: an edition is as old as the oldest of what it was made from.
    asOf: config.asOf === 'modified' ? oldest(filesOf(chosen)) : undefined,
    stateTimes: stateTimes(chosen),
    ...{ bitsPerKey: build['bits-per-key'], keysPerShard: build['keys-per-shard'] },
    ...{ probes: build.probes, rejectsMaxPercent: build['rejects-max-percent'] },
    rejectsPath: join(stateDir, 'rejects.csv'),
    // A night that was killed goes on behind its last finished step.
    workDir: join(build.temp ?? stateDir, 'sltd-work'),
    log: config.log,
    restrictions,
    ...{ limits: config.limits, progress, signal },
  });
  const reports = join(stateDir, 'reports');
  mkdirSync(reports, { recursive: true });
  writeReport(join(reports, `${summary.edition}.html`), summary);
  keepNewest(reports, { suffix: '.html', countMax: REPORTS_MAX });
  return {
    ...{ edition: summary.edition, sequence: summary.sequence, records: summary.records },
    ...{ asOf: new Date(summary.asOf).toISOString(), rejected: summary.rejected },
    ...summary.gates,
  };
}

const filesOf = (chosen: readonly ChosenFeed[]) => chosen.flatMap(({ files }) => files);

/** The edition in force, if it was built of the very same, under the present epoch and edition key. */
async function alreadyInForce(
  config: NightlyConfig,
  keys: NightKeys,
  { chosen, restrictions }: { chosen: readonly ChosenFeed[]; restrictions: readonly Restriction[] },
): Promise<BuiltNight | undefined> {
  try {
    const store = new DirectoryStore(join(config.stateDir, 'edition'));
    // After a change of the edition key it is built anew, or it would end with the old key.
    const present = { ...keys, previous: { ...keys.previous } };
    delete present.previous.edition;
    const { head, manifest } = await openInForce(store, present);
    const inputs = await inputsSha256Of(config.profile, filesOf(chosen));
    const keyId = await epochKeyId(epochKeyOf(keys));
    const isSame =
      equalBytes(manifest.inputsSha256, inputs) &&
      equalBytes(manifest.epochKeyId, keyId) &&
      isDeepStrictEqual(manifest.restrictions?.rows ?? [], restrictions);
    if (!isSame || !hasCoverage(config, chosen, manifest)) return undefined;
    const isFrozen = chosen.every((each) => isTooOld(config, each));
    return await stay(store, keys, { head, manifest }, isFrozen);
  } catch (error) {
    // None yet, or a damaged one: the build has its say on that.
    if (error instanceof SltdError) return undefined;
    throw error;
  }
}

/** Whether a feed has delivered the same bytes for so long that a list of such feeds alone is let end. */
const isTooOld = (
  { lastGoodDays }: NightlyConfig,
  { feed: { unchangedDays }, sameSince = Date.now() }: ChosenFeed,
): boolean => Date.now() - sameSince > (unchangedDays + lastGoodDays) * DAY_MS;

/**
 * The edition stays: without another one it would end with its permit, so in time it is permitted anew. Not
 * if it is frozen: nobody knows what its feeds have not told for so long, and an old list is not called fresh for ever.
 */
async function stay(
  store: DirectoryStore,
  keys: NightKeys,
  { head, manifest }: EditionInForce,
  isFrozen: boolean,
): Promise<BuiltNight> {
  const { collection, manifestSha256, manifestLength } = head;
  const built = {
    ...{ edition: toHex(manifestSha256), sequence: head.sequence },
    ...{ asOf: new Date(manifest.asOf).toISOString(), records: manifest.recordCount },
  };
  if (isFrozen) {
    const { notAfter } = decodePermit(head.permit);
    return { ...built, permitEndsAt: new Date(notAfter).toISOString() };
  }
  if (!isPermitDue(head.permit)) return built;
  const edition = { collection, manifestSha256, manifestLength };
  const permit = permittingBy(await signingKey({ ...keys.edition }), edition);
  const reference = { ...edition, manifest, permit };
  const anew = await publishEdition(store, await headSignerOf(keys), reference, { since: head });
  const { notAfter } = decodePermit(anew.permit);
  return { ...built, sequence: anew.sequence, permittedUntil: new Date(notAfter).toISOString() };
}

/** Whether the states that are partial in the manifest are those that have to be. */
function hasCoverage(
  { profile }: NightlyConfig,
  chosen: readonly ChosenFeed[],
  manifest: Manifest,
): boolean {
  const times = stateTimes(chosen);
  return [...manifest.states()].every(({ state, coverage, recordCount }) => {
    const ofList = recordCount > 0 ? profile.coverage : 'does-not-report';
    return coverage === (times.get(state)?.isPartial ? 'partial' : ofList);
  });
}

/**
 * The times of the states that a feed of several delivers: those of its own list, never of another's. A last
 * good delivery makes its states partial; where two feeds have a state, the older time counts.
 */
function stateTimes(chosen: readonly ChosenFeed[]): ReadonlyMap<StateCode, StateTime> {
  const times = new Map<StateCode, StateTime>();
  for (const { feed, shape, lastGood } of chosen) {
    if (!shape) continue;
    for (const state of lastGood?.states ?? feed.states ?? []) {
      const known = times.get(state);
      times.set(state, {
        asOf: Math.min(shape.asOf, known?.asOf ?? shape.asOf),
        isPartial: lastGood !== undefined || known?.isPartial === true,
      });
    }
  }
  return times;
}

function resultOf(
  { stateDir }: NightlyConfig,
  { feed, files, lastGood, sameSince }: ChosenFeed,
): FeedResult {
  // The only feed of a job stays in force, as of what its list says of itself.
  const { code, details } = lastGood ?? unchanged(feed, sameSince) ?? {};
  return {
    name: feed.name,
    files: files.map(({ name, path }) =>
      lastGood?.isKept ? relative(stateDir, path) : join('feeds', feed.name, name),
    ),
    used: lastGood ? 'last-good' : 'delivered',
    ...(sameSince === undefined ? {} : { unchangedSince: new Date(sameSince).toISOString() }),
    ...(code && details ? { code, details } : {}),
  };
}
