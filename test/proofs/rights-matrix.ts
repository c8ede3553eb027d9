/**
 * Nobody does or reads at central what is another's: every role in every tenant, at every address,
 * in every state of a case.
 *
 * The cells are generated from two tables, of addresses (test/support/rights.ts) and of moves (below),
 * and asked of the real app over both databases. A cell is wrong if the caller was let in and should
 * not have been, or the other way round; a leak is an answer with a canary that is not the caller's.
 * The same persons then come with a credential that does not name the collection of the service: for
 * training to a live one, live to a training, for one list to another; nobody is let in. In a state's own
 * list no other bureau changes or restricts anything, also not the one that issued the document. At last the issuing state keeps its records from the state of the post:
 * whoever is of it, or of no known state, is told nothing of record and case, and everybody else as much
 * as before.
 */

import { CASE_STATES, type CaseState } from '../../central/cases/tables.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { TRAINING } from '../../src/format/training.ts';
import { type DatabaseKind, databaseKinds } from '../support/postgres.ts';
import { isOneOf, RIGHTS } from '../support/rights.ts';
import {
  CANARIES,
  PERSONS,
  type Person,
  type RightsWorld,
  rightsWorld,
} from '../support/rights-world.ts';
import { type Proof, type ProofRun, randomSource } from './proof.ts';

const ANSWERS: readonly CaseState[] = ['confirmed', 'not-confirmed', 'data-error'];

/** Who may take a case from where to where, as docs/api.md has it; apart from the code's own table. */
function mayMove({ name }: Person, from: CaseState, to: CaseState): boolean {
  if (from === 'closed' || from === to) return false;
  if (to === 'closed') return isOneOf(name, ['officer@post', 'ncb@asking']);
  if (to === 'recovered') return isOneOf(name, ['officer@post', 'ncb@asking', 'ncb@issuing']);
  if (to === 'acknowledged') return name === 'ncb@issuing' && ['opened', 'notified'].includes(from);
  return name === 'ncb@issuing' && ANSWERS.includes(to);
}

interface Counts {
  cells: number;
  wrong: number;
  leaks: number;
  /** Canaries that a rightful reader was answered with: those that can be looked for at all. */
  seen: Set<string>;
}

export const rightsMatrix: Proof = {
  name: 'rights-matrix',
  claim:
    'no role of any tenant does or reads at central what is another tenant’s, or what a state keeps from its own',
  // Every cell there is, in a full run; a sample of them in the small one.
  sizes: { full: 100_000, small: 700, unit: 'cells on each database, at most' },
  async run(run) {
    const { kinds, stop } = await databaseKinds();
    const totals: Counts = { cells: 0, wrong: 0, leaks: 0, seen: new Set() };
    const firstWrong: string[] = [];
    try {
      for (const kind of kinds) {
        const live = [...addressCells(), ...moveCells()];
        await matrixOn(kind, run, totals, { firstWrong, cells: live, collection: 'sltd' });
        for (const [collection, named] of STRANGERS) {
          const cells = named.flatMap((collections) => [...strangerCells(collections)]);
          await matrixOn(kind, run, totals, { firstWrong, cells, collection });
        }
        const own = { firstWrong, collection: 'national-UTO' };
        await matrixOn(kind, run, totals, { ...own, cells: [...ownListCells('UTO')] });
        const foreign = [...ownListCells('FRA')];
        await matrixOn(kind, run, totals, { ...own, cells: foreign, issuer: 'FRA' as StateCode });
        const restricted = [...restrictedCells()];
        await matrixOn(kind, run, totals, {
          ...{ firstWrong, cells: restricted, collection: 'sltd', excluded: EXCLUDED },
        });
      }
    } finally {
      await stop();
    }
    const { cells, wrong, leaks, seen } = totals;
    const isWhole = run.size >= cells;
    const areSeen = !isWhole || seen.size === Object.keys(CANARIES).length;
    const names = kinds.map(({ name }) => name).join(' and ');
    const wrongText =
      firstWrong.length === 0 ? '' : `; first: ${firstWrong.slice(0, 5).join('; ')}`;
    return {
      holds: wrong === 0 && leaks === 0 && cells > 0 && areSeen,
      figure:
        `${cells} cells of ${PERSONS.length} callers on ${names}: ${leaks} leaks between tenants, ` +
        `${wrong} let in or kept out wrongly${wrongText}`,
      details: {
        cells,
        wrong,
        leaks,
        canariesSeen: seen.size,
        databases: names,
        routes: Object.keys(RIGHTS).length,
      },
    };
  },
};

type Cell = (world: RightsWorld, counts: Counts) => Promise<string | undefined>;

interface Matrix {
  firstWrong: string[];
  cells: readonly Cell[];
  /** That the service holds. */
  collection: string;
  /** Of the document, where it is not Utopia. */
  issuer?: StateCode;
  /** State from which the issuing bureau keeps its records. */
  excluded?: string;
}

async function matrixOn(
  kind: DatabaseKind,
  { seed, size, progress }: ProofRun,
  totals: Counts,
  { firstWrong, cells: all, collection, issuer = 'UTO' as StateCode, excluded }: Matrix,
): Promise<void> {
  const database = await kind.create();
  const world = await rightsWorld(database, { collection, issuer });
  try {
    if (excluded !== undefined) await restrict(world, excluded);
    const random = randomSource(seed);
    // In their order, since the last address takes away what the others ask for.
    const cells = all.filter(() => size >= all.length || random.below(all.length) < size);
    for (const cell of cells) {
      const wrong = await cell(world, totals);
      if (wrong !== undefined) {
        totals.wrong++;
        firstWrong.push(`${kind.name} ${wrong}`);
      }
      totals.cells++;
      progress(`${kind.name}: ${totals.cells} cells, ${totals.wrong} wrong, ${totals.leaks} leaks`);
    }
  } finally {
    world.remove();
    await database.remove();
  }
}

/** Moves first: they need the case. */
function* moveCells(): Generator<Cell> {
  for (const from of CASE_STATES) {
    for (const to of CASE_STATES) {
      for (const person of PERSONS) yield (world, counts) => move(world, counts, person, from, to);
    }
  }
}

async function move(
  world: RightsWorld,
  counts: Counts,
  person: Person,
  from: CaseState,
  to: CaseState,
): Promise<string | undefined> {
  await world.setState(from);
  const response = await world.request(person, 'POST', `/v1/cases/${world.caseId}/transitions`, {
    ...{ to, reason: 'from the matrix' },
    ...(to === 'closed' ? { outcome: 'released' } : {}),
  });
  await lookForLeaks(response, person, counts);
  const isRight = response.ok === mayMove(person, from, to);
  return isRight ? undefined : `${person.name} ${from} > ${to}: ${response.status}`;
}

function* addressCells(): Generator<Cell> {
  for (const [address, right] of Object.entries(RIGHTS)) {
    if (address.startsWith('DELETE')) continue;
    for (const person of [...PERSONS, undefined]) {
      yield (world, counts) => visit(world, counts, address, right, person);
    }
  }
}

/** What a service holds, and what credentials name that are not for it; undefined is no claim. */
const STRANGERS: readonly [string, readonly (readonly string[] | undefined)[]][] = [
  ['sltd', [[TRAINING], ['tdawn']]],
  [TRAINING, [['sltd']]],
  ['tdawn', [undefined, ['sltd', 'national-UTO']]],
];

/** Everybody at every address, with a credential that is not for the service. */
function* strangerCells(collections: readonly string[] | undefined): Generator<Cell> {
  for (const [address, right] of Object.entries(RIGHTS)) {
    const allowed = right.allowed === 'anyone' ? 'anyone' : 'edge';
    for (const { name, claims, ...person } of PERSONS) {
      const stranger = {
        ...person,
        name: `${name} of another kind`,
        key: `${name} for ${collections?.join() ?? 'no claim'}`,
        claims: { ...claims, collections },
      };
      yield (world, counts) => visit(world, counts, address, { ...right, allowed }, stranger);
    }
  }
}

/** Addresses at which a bureau does what only an owner of records does. */
const OF_OWNERS =
  /^(GET|POST) \/v1\/records$|^POST \/v1\/(records\/bulk|held-bulks\/.*)$|\/v1\/(restrictions|challenges)/;
/** Those at which a bureau changes one record: of its own state alone. */
const OF_OWN_STATE = /^(PATCH \/v1\/records\/:id|POST \/v1\/records\/:id\/withdrawal)$/;

/** Everybody, at every address, in Utopia's own list: the document is this state's, the record Utopia's. */
function* ownListCells(issuer: string): Generator<Cell> {
  for (const [address, right] of Object.entries(RIGHTS)) {
    if (address.startsWith('DELETE')) continue;
    let { allowed } = right;
    if (typeof allowed !== 'string' && OF_OWNERS.test(address)) {
      allowed = allowed.filter((name) => name.endsWith('@issuing'));
    }
    if (issuer !== 'UTO' && OF_OWN_STATE.test(address)) allowed = NOBODY;
    for (const person of PERSONS) {
      yield (world, counts) => visit(world, counts, address, { ...right, allowed }, person);
    }
  }
}

/** State of the post, and of its bureau. */
const EXCLUDED = 'D';
/** Addresses of the record and of the case. */
const OF_DOCUMENT = /^\w+ \/v1\/(records|cases)\/:id/;

async function restrict(world: RightsWorld, excluded: string): Promise<void> {
  const owner = PERSONS.find(({ name }) => name === 'ncb@issuing');
  const list = { excluded: [excluded], reason: 'from the matrix' };
  const unset = { 'if-match': '"0"' };
  const { ok } = await world.request(owner, 'PUT', '/v1/restrictions', list, unset);
  if (!ok) throw new Error('the restriction was not set');
}

/** Everybody, as of every state that the tenant may work for, at every address. */
function* restrictedCells(): Generator<Cell> {
  for (const [address, right] of Object.entries(RIGHTS)) {
    if (address.startsWith('DELETE')) continue;
    for (const person of PERSONS) {
      const bureau = /^NCB-(\w+)$/.exec(person.claims.tenant)?.[1];
      for (const state of bureau === undefined ? [undefined, 'D', 'FRA'] : [bureau]) {
        const claims = { ...person.claims, ...(state === undefined ? {} : { state }) };
        const caller = { ...person, key: `${person.name} ${state}`, claims };
        const isExcluded = state === undefined || state === EXCLUDED;
        const allowed = isExcluded && OF_DOCUMENT.test(address) ? NOBODY : right.allowed;
        yield async (world, counts) => {
          const told = tellingOf(world, isExcluded && !SAID_BEFORE.includes(address));
          return visit(world, counts, address, { ...right, allowed }, caller, told);
        };
      }
    }
  }
}

const NOBODY: readonly string[] = [];
/** What was told before the restriction stays told. */
const SAID_BEFORE = ['GET /v1/notifications'];

/** Ids that an excluded caller may not be answered with. */
const tellingOf = ({ caseId, recordId }: RightsWorld, isExcluded: boolean): readonly string[] =>
  isExcluded ? [caseId, recordId] : [];

async function visit(
  world: RightsWorld,
  counts: Counts,
  address: string,
  { path, body, headers, inside = [], allowed }: (typeof RIGHTS)[string],
  person: Person | undefined,
  kept: readonly string[] = [],
): Promise<string | undefined> {
  const [method, pattern] = address.split(' ') as [string, string];
  await world.setState('acknowledged');
  const response = await world.request(
    person,
    method,
    path?.(world) ?? pattern,
    body?.(world),
    headers,
  );
  await lookForLeaks(response, person, counts, kept);
  const { status } = response;
  const isMeant =
    allowed === 'anyone' ||
    (allowed !== 'edge' && person !== undefined && isOneOf(person.name, allowed));
  const isIn = response.ok || inside.includes(status);
  const isOut = person && allowed !== 'edge' ? status === 403 || status === 404 : status === 401;
  return (isMeant ? isIn : isOut) ? undefined : `${person?.name ?? 'nobody'} ${address}: ${status}`;
}

/** Counts canaries in the answer that are not the caller's to see. */
async function lookForLeaks(
  response: Response,
  person: Person | undefined,
  counts: Counts,
  kept: readonly string[] = [],
): Promise<void> {
  const isStream = response.headers.get('content-type') === 'text/event-stream';
  const text = isStream ? await firstEvents(response) : await response.text();
  for (const id of kept) if (text.includes(id)) counts.leaks++;
  for (const [canary, seenBy] of Object.entries(CANARIES)) {
    const isRightful = person !== undefined && isOneOf(person.name, seenBy);
    if (!text.includes(canary)) continue;
    if (isRightful) counts.seen.add(canary);
    else counts.leaks++;
  }
}

/** What a stream tells until it has told the story so far. */
async function firstEvents(response: Response): Promise<string> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes('event: message')) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}
