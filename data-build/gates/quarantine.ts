/**
 * Quarantine: an edition that is built and verified, and that a gate did not let into force.
 *
 * Its objects stay where they are, named by their content; `quarantine/<edition>.json` says why it waits. The
 * head does not move, so the last edition keeps serving. A person who knows the reason names the gates and
 * releases it, once; `releases/<edition>.json` then says who and why.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { DirectoryStore } from '../../publish/directory-store.ts';
import { SltdError } from '../../src/errors.ts';
import { inputSchema, keepNewest } from './build-record.ts';
import { GATES, type GateName, type Refusal } from './gates.ts';
import { writeJson } from './write-json.ts';

const QUARANTINE = 'quarantine';
/** Folder of what was released, by whom and why. */
export const RELEASES = 'releases';
/** A quarantine that nobody released in a month of nights is history. */
const FILES_MAX = 31;

const EDITION = /^[0-9a-f]{64}$/;
const gateName = v.picklist(Object.keys(GATES) as GateName[]);
/** What the gates found, as a file has it. */
export const refusalsSchema = v.array(v.object({ gate: gateName, details: v.array(v.string()) }));
const quarantineSchema = v.object({
  edition: v.pipe(v.string(), v.regex(EDITION)),
  collection: v.string(),
  manifestLength: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** When it was refused, ISO 8601. */
  refusedAt: v.string(),
  /** The edition it was compared with. */
  inForce: v.string(),
  refusals: refusalsSchema,
  unchecked: v.array(gateName),
  input: inputSchema,
});

/** Content of a quarantine file. */
export type Quarantine = v.InferOutput<typeof quarantineSchema>;

/** Who let an edition into force, and why. */
export interface Release {
  by: string;
  reason: string;
  /** ISO 8601. */
  releasedAt: string;
}

/** A list that a gate refused; it waits in quarantine. */
export class GateRefusal extends SltdError {
  readonly quarantine: Quarantine;

  constructor(quarantine: Quarantine) {
    const gates = quarantine.refusals.map(({ gate }) => gate).join(', ');
    super('gate-refused', { detail: `${gates}; quarantine ${quarantine.edition}` });
    this.quarantine = quarantine;
  }
}

/** Puts an edition into quarantine. */
export function writeQuarantine(directory: DirectoryStore, quarantine: Quarantine): void {
  const folder = join(directory.location, QUARANTINE);
  mkdirSync(folder, { recursive: true });
  writeJson(pathOf(directory, QUARANTINE, quarantine.edition), quarantine);
  keepNewest(folder, { suffix: '.json', countMax: FILES_MAX });
}

/** All that waits, the oldest first. */
export function listQuarantine(directory: DirectoryStore): Quarantine[] {
  let names: string[];
  try {
    names = readdirSync(join(directory.location, QUARANTINE));
  } catch {
    return [];
  }
  return names
    .filter((name) => EDITION.test(name.replace(/\.json$/, '')) && name.endsWith('.json'))
    .map((name) => readQuarantine(directory, name.slice(0, -'.json'.length)))
    .sort((a, b) => (a.refusedAt < b.refusedAt ? -1 : 1));
}

/** What is known of one; 'release-invalid' if it does not wait, or its file is not one. */
export function readQuarantine(directory: DirectoryStore, edition: string): Quarantine {
  if (!EDITION.test(edition)) invalid('an edition is named by 64 hexadecimal digits');
  let text: string;
  try {
    text = readFileSync(pathOf(directory, QUARANTINE, edition), 'utf8');
  } catch {
    invalid('no such edition waits in quarantine');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = v.safeParse(quarantineSchema, value);
  if (!parsed.success || parsed.output.edition !== edition) invalid('the file is not readable');
  return parsed.output;
}

/** Notes who released it, and ends the quarantine: a release is good once. */
export function endQuarantine(
  directory: DirectoryStore,
  quarantine: Quarantine,
  release: Release,
): void {
  mkdirSync(join(directory.location, RELEASES), { recursive: true });
  const { edition } = quarantine;
  writeJson(pathOf(directory, RELEASES, edition), { ...quarantine, ...release });
  rmSync(pathOf(directory, QUARANTINE, edition), { force: true });
}

/** A few lines that say why it waits, for a person. */
export function quarantineText({ refusals, edition, refusedAt, inForce }: Quarantine): string {
  return [
    `edition ${edition} waits since ${refusedAt}; in force is ${inForce}`,
    ...refusalLines(refusals),
  ].join('\n');
}

/** What the gates found, for a person. */
export const refusalLines = (refusals: readonly Refusal[]): string[] =>
  refusals.flatMap(({ gate, details }) => [
    `  ${gate}: ${GATES[gate]}`,
    ...details.map((detail) => `    ${detail}`),
  ]);

const pathOf = (directory: DirectoryStore, folder: string, edition: string): string =>
  join(directory.location, folder, `${edition}.json`);

function invalid(detail: string): never {
  throw new SltdError('release-invalid', { detail });
}
