/**
 * Settings of the nightly job: one TOML file, examples/nightly/sltd.toml shows all of it.
 *
 * Unknown keys are refused: a misspelled limit must not leave a gate open. Secrets are not in it: the keys
 * stand in their own file, the webhook's secret and the store's in the environment. Relative paths are
 * taken from where the file lies.
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { importStateCode, type StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { type GateLimits, gateLimits } from '../gates/limits.ts';
import { REASON_LENGTH } from '../gates/release.ts';
import { findProfile } from '../import/find-profile.ts';
import type { Profile } from '../import/profile.ts';
import { REJECTS_MAX_PERCENT } from '../import/rejects.ts';
import { PAGE_SIZE_BOUNDS, PAGE_SIZES } from '../pages/page-sizes.ts';
import type { OperationLog } from '../replay/replay-gate.ts';

interface Bounds {
  min: number;
  max: number;
}

/** Also a part of file names. */
export const FEED_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const path = v.pipe(v.string(), v.minLength(1));
const integer = ({ min, max }: Bounds) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const decimal = ({ min, max }: Bounds) => v.pipe(v.number(), v.minValue(min), v.maxValue(max));

const state = v.pipe(
  v.string(),
  v.check((text) => importStateCode(text) !== undefined),
  v.transform((text) => importStateCode(text) as StateCode),
);

const feedSchema = v.strictObject({
  /** Names its folder in the state directory. */
  name: v.pipe(v.string(), v.regex(FEED_NAME)),
  from: path,
  match: v.optional(path, '*'),
  take: v.optional(v.picklist(['newest', 'all']), 'newest'),
  checksum: v.optional(v.boolean(), false),
  states: v.optional(v.pipe(v.array(state), v.minLength(1))),
  'unchanged-days': v.optional(integer({ min: 1, max: 366 }), 3),
});

const schema = v.strictObject({
  keys: path,
  state: path,
  collection: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,24}$/)), 'sltd'),
  profile: v.optional(v.string()),
  mapping: v.optional(path),
  'as-of': v.optional(v.picklist(['newest-report', 'modified']), 'newest-report'),
  'last-good-days': v.optional(integer({ min: 1, max: 31 }), 7),
  feed: v.pipe(v.array(feedSchema), v.minLength(1), v.maxLength(250)),
  build: v.optional(
    v.strictObject({
      'bits-per-key': v.optional(decimal(PAGE_SIZE_BOUNDS.bitsPerKey), PAGE_SIZES.bitsPerKey),
      'keys-per-shard': v.optional(integer(PAGE_SIZE_BOUNDS.keysPerShard), PAGE_SIZES.keysPerShard),
      probes: v.optional(integer(PAGE_SIZE_BOUNDS.probes), PAGE_SIZES.probes),
      'rejects-max-percent': v.optional(decimal({ min: 0, max: 100 }), REJECTS_MAX_PERCENT),
      temp: v.optional(path),
    }),
    {},
  ),
  operations: v.optional(path),
  'without-operations': v.optional(
    v.pipe(v.string(), v.trim(), v.minLength(REASON_LENGTH.min), v.maxLength(REASON_LENGTH.max)),
  ),
  restrictions: v.optional(path),
  gates: v.optional(v.record(v.string(), v.unknown()), {}),
  publish: v.optional(v.strictObject({ store: path })),
  notify: v.optional(
    v.strictObject({
      url: v.pipe(v.string(), v.url(), v.regex(/^https?:/)),
      'on-success': v.optional(v.boolean(), false),
    }),
  ),
});

type Parsed = v.InferOutput<typeof schema>;

/** Where the export of one state, or of several, comes from. */
export interface Feed {
  name: string;
  /** A folder, or `s3://bucket/prefix`. */
  from: string;
  /** Names of files that count; `*` and `?` stand for what they always do. */
  match: string;
  take: 'newest' | 'all';
  /** Whether a file counts only with its SHA-256 beside it. */
  checksum: boolean;
  /** States whose records it brings; any if there is one feed alone. */
  states: readonly StateCode[] | undefined;
  /** For how long it may deliver the very same bytes, in days. */
  unchangedDays: number;
}

/** The job's settings, complete and checked. */
export interface NightlyConfig extends Pick<Parsed, 'collection' | 'notify'> {
  keysPath: string;
  /** Everything the job keeps lies here. */
  stateDir: string;
  profile: Profile;
  asOf: Parsed['as-of'];
  lastGoodDays: number;
  feeds: readonly Feed[];
  build: Parsed['build'];
  limits: GateLimits;
  /** What central took since the edition in force, or why that is not asked for. */
  log: OperationLog | undefined;
  /** Who sees nothing of whose records, as central exports it. */
  restrictionsFile: string | undefined;
  /** Where the edition is published besides; a directory, or `s3://bucket/prefix`. */
  store: string | undefined;
}

/** The settings in a file; 'config-invalid' names the line or the key that is wrong. */
export function readConfig(file: string): NightlyConfig {
  const parsed = v.safeParse(schema, parseToml(file));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    invalid(`${v.getDotPath(issue) ?? 'the file'}: ${kindOf(issue)}`);
  }
  const { output } = parsed;
  const from = (place: string): string =>
    place.startsWith('s3://') ? place : resolve(dirname(file), place);
  const { profile, mapping, build } = output;
  return {
    ...{ collection: output.collection, notify: output.notify },
    ...{ keysPath: from(output.keys), stateDir: from(output.state) },
    profile: findProfile({
      ...(profile === undefined ? {} : { profile }),
      ...(mapping === undefined ? {} : { mapping: from(mapping) }),
    }),
    ...{ asOf: output['as-of'], lastGoodDays: output['last-good-days'] },
    feeds: checkedFeeds(output.feed.map((feed) => ({ ...feed, from: from(feed.from) }))),
    build: build.temp === undefined ? build : { ...build, temp: from(build.temp) },
    limits: gateLimits(output.gates),
    log: logOf(output, from),
    restrictionsFile: output.restrictions && from(output.restrictions),
    store: output.publish && from(output.publish.store),
  };
}

/** With a log and a reason to have none, nobody would know which counts. */
function logOf(
  { operations, 'without-operations': withoutBecause }: Parsed,
  from: (place: string) => string,
): OperationLog | undefined {
  if (operations !== undefined && withoutBecause !== undefined) {
    invalid('operations and without-operations: give one of them');
  }
  if (withoutBecause !== undefined) return { withoutBecause };
  return operations === undefined ? undefined : { file: from(operations) };
}

function parseToml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    invalid('the settings cannot be read', cause);
  }
  try {
    return parse(text);
  } catch (cause) {
    // Only the place: the parser's words quote the file.
    const place = cause instanceof TomlError ? `line ${cause.line}` : 'it';
    invalid(`${place} is not TOML`, cause);
  }
}

function checkedFeeds(feeds: Parsed['feed']): Feed[] {
  const names = new Set<string>();
  const owners = new Set<string>();
  for (const feed of feeds) {
    if (names.has(feed.name)) invalid(`feed: two are named ${feed.name}`);
    names.add(feed.name);
    if (feeds.length > 1 && !feed.states) {
      invalid(`feed ${feed.name}: of several feeds each has to name its states`);
    }
    for (const code of feed.states ?? []) {
      if (owners.has(code)) invalid(`feed ${feed.name}: ${code} has another feed`);
      owners.add(code);
    }
  }
  return feeds.map(({ 'unchanged-days': unchangedDays, ...feed }) => ({
    ...feed,
    ...{ states: feed.states, unchangedDays },
  }));
}

function kindOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object') return issue.expected === 'never' ? 'unknown' : 'missing';
  return issue.received === 'undefined' ? 'missing' : 'not usable';
}

function invalid(detail: string, cause?: unknown): never {
  throw new SltdError('config-invalid', { detail, cause });
}
