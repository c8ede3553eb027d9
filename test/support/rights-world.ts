/**
 * A central in which every tenant has something of its own, and everybody who could ask for it.
 *
 * Each thing carries a canary: a text that only its rightful readers may ever be answered with.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCases } from '../../central/cases/open-cases.ts';
import type { CaseState } from '../../central/cases/tables.ts';
import { loadRecords } from '../../central/load/load.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { ROLES, type Role } from '../../src/format/role.ts';
import { bundleOf, specimenCard, specimenFiles } from '../central/cards/card-world.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../central/records.ts';
import { centralWorld, directToken, edgeToken, question, type World } from '../central/world.ts';
import type { TestDatabase } from './postgres.ts';

/** How a tenant stands to the case and the record in the middle: Utopia's document at FRA. */
export const RELATIONS = {
  issuing: { tenant: 'NCB-UTO', site: 'Zenith' },
  asking: { tenant: 'NCB-D', site: 'Wiesbaden' },
  post: { tenant: 'BORDER-D', site: 'FRA/7' },
  'other-post': { tenant: 'BORDER-D', site: 'MUC/1' },
  'other-bureau': { tenant: 'NCB-FRA', site: 'Nanterre' },
  'other-agency': { tenant: 'BORDER-FRA', site: 'FRA/7' },
} as const;

export type Relation = keyof typeof RELATIONS;

export interface Person {
  name: string;
  /** Of its token, where one name has several. */
  key?: string;
  role: Role;
  relation: Relation;
  claims: {
    role: Role;
    tenant: string;
    site: string;
    sub: string;
    collections?: readonly string[];
    state?: string;
  };
}

/** Every role in every tenant, likely or not. */
export const PERSONS: readonly Person[] = (Object.keys(RELATIONS) as Relation[]).flatMap(
  (relation) =>
    ROLES.map((role) => ({
      name: `${role}@${relation}`,
      role,
      relation,
      claims: { role, ...RELATIONS[relation], sub: `canary-person-${relation}-${role}` },
    })),
);

/** Canary → who may be answered with it, as patterns of rights.ts. */
export const CANARIES: Record<string, readonly string[]> = {
  // Endpoints and contacts: their own bureau.
  'canary-endpoint-issuing': ['ncb@issuing'],
  'canary-endpoint-asking': ['ncb@asking'],
  'canary-contact-issuing': ['ncb@issuing'],
  // What was written in the case, and why it was moved: its parties.
  'canary-message': ['officer@post', 'ncb@asking', 'ncb@issuing'],
  // Who sighted it: the agency itself; the desk: the asking side.
  'canary-person-post': ['*@post', '*@other-post'],
  'FRA/7': ['officer@post', 'ncb@asking'],
  // A dispute is between two bureaus.
  'canary-challenge': ['ncb@issuing', 'ncb@asking'],
  // Held back, and so nobody's but its bureau's.
  'canary-held': ['ncb@issuing', 'data-operator@issuing'],
  // A joint operation: who leads it, and the agency of its post.
  'canary-operation': ['*@issuing', '*@post', '*@other-post'],
  // Only proposed, and who did: the bureau of the card.
  'canary-card': ['ncb@issuing'],
  'canary-card-author': ['ncb@issuing'],
  // Only who may see what the record says sees the color of its notice.
  '"noticeColor"': ['officer@*', 'ncb@*', 'data-operator@issuing'],
  // The owner's part of the record.
  'canary-place': ['ncb@issuing', 'data-operator@issuing'],
};

export interface RightsWorld {
  central: World;
  caseId: string;
  recordId: string;
  endpointId: string;
  attachmentId: string;
  deadLetterId: string;
  /** Led by the issuing bureau, with the post. */
  operationId: string;
  /** Body of one more. */
  operation: object;
  /** Of the live page of another. */
  livePath: string;
  challengeId: string;
  heldId: string;
  cardId: string;
  cardImageSha256: string;
  /** Of the card's page, from an answer to an officer. */
  cardPath: string;
  setState(state: CaseState): Promise<void>;
  request(
    person: Person | undefined,
    method: string,
    path: string,
    body?: object | string | Uint8Array<ArrayBuffer>,
    headers?: Record<string, string>,
  ): Promise<Response>;
  remove(): void;
}

const REPORT = {
  ...{ issuingState: 'UTO', documentNumber: 'H1', documentType: 'PAS', category: 'stolen' },
};

/**
 * The world over an empty, migrated database that holds this collection. Another issuer of the document
 * than Utopia is for Utopia's own list, where Utopia owns the record all the same.
 */
export async function rightsWorld(
  { db }: TestDatabase,
  {
    collection = 'sltd',
    issuer = 'UTO' as StateCode,
  }: { collection?: string; issuer?: StateCode } = {},
): Promise<RightsWorld> {
  const collections = [collection];
  const folder = mkdtempSync(join(tmpdir(), 'sltd-rights-'));
  const central = await centralWorld(db, {
    attachments: { folder: join(folder, 'attachments') },
    cardImages: new DirectoryStore(join(folder, 'cards')),
    publicUrl: 'https://central.invalid',
    bulkLimits: { reportsPerDay: 1, withdrawalsPerDay: 1 },
  });
  const listed = record({ number: 'L898902C3', placeOfTheft: 'canary-place' });
  const records = [listed, ...(issuer === listed.state ? [] : [{ ...listed, state: issuer }])];
  await loadRecords(db, stream(records), { asOf: AS_OF_MS, clock: () => NOW_MS, collection });
  const tokens = new Map<string, string>();
  const request: RightsWorld['request'] = async (person, method, path, body, headers = {}) => {
    const key = person?.key ?? person?.name ?? '';
    let token = person && tokens.get(key);
    if (person && token === undefined) {
      token = await directToken({ collections, ...person.claims });
      tokens.set(key, token);
    }
    const isBytes = body instanceof Uint8Array;
    const isText = typeof body === 'string';
    const type = isBytes ? 'image/png' : isText ? 'text/csv' : 'application/json';
    return central.request(path, {
      method,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { 'content-type': type } : {}),
      },
      ...(body ? { body: isBytes || isText ? body : JSON.stringify(body) } : {}),
    });
  };
  const as = (name: string) => PERSONS.find((person) => person.name === name)!;
  const made = async (name: string, method: string, path: string, body?: object) => {
    const response = await request(as(name), method, path, body);
    if (!response.ok) throw new Error(`${name} ${method} ${path}: ${response.status}`);
    return (await response.json()) as {
      id: string;
      path: string;
      held: string;
      items: { id: string; record: { id: string } }[];
    };
  };

  const { cardId, cardImageSha256 } = await publishCard(central, collections);
  const edge = await edgeToken(as('officer@post').claims);
  const ofCard = question(['PUTOL898902C3'], { collection });
  const { cards } = await central.confirm(ofCard, edge);
  const hit = { collection, encounter: { exact: [0] } };
  await central.confirm(question([`P${issuer}L898902C3`], hit), edge);
  const cardPath = new URL(cards![0]!.href!).pathname;
  const endpoint = await made('ncb@issuing', 'POST', '/v1/endpoints', {
    url: 'https://canary-endpoint-issuing.example/',
  });
  await made('ncb@asking', 'POST', '/v1/endpoints', {
    url: 'https://canary-endpoint-asking.example/',
  });
  await made('ncb@issuing', 'PUT', '/v1/contacts', {
    contacts: [{ label: 'canary-contact-issuing', address: '+00' }],
  });
  await openCases(db, NOW_MS);
  const [found] = (await made('officer@post', 'GET', '/v1/cases')).items;
  const caseId = found!.id;
  const path = `/v1/cases/${caseId}`;
  await made('officer@post', 'POST', `${path}/messages`, { text: 'canary-message' });
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
  const attached = await request(
    as('officer@post'),
    'POST',
    `${path}/attachments`,
    new Uint8Array(png),
  );
  const { id: attachmentId } = (await attached.json()) as { id: string };
  const operation = {
    name: 'wall',
    states: ['UTO'],
    startsAt: '2026-11-22T00:00:00Z',
    endsAt: '2026-11-23T00:00:00Z',
    posts: [{ tenant: RELATIONS.post.tenant, site: 'gate' }],
  };
  const operations = '/v1/joint-operations';
  const { id: operationId } = await made('ncb@issuing', 'POST', operations, {
    ...operation,
    name: 'canary-operation',
  });
  const wall = await made('ncb@issuing', 'POST', operations, operation);
  const { path: livePath } = await made('ncb@issuing', 'POST', `${operations}/${wall.id}/links`, {
    hours: 1,
  });
  await db
    .updateTable('deliveries')
    .set({ state: 'dead', finished_at: NOW_MS, last_failure: 'timeout' })
    .execute();
  const dead = (await made('ncb@issuing', 'GET', '/v1/dead-letters')).items[0]!;
  const recordId = found!.record.id;
  const challenge = await made('ncb@asking', 'POST', `/v1/records/${recordId}/challenges`, {
    reason: 'canary-challenge',
  });
  const report = { action: 'report', record: { ...REPORT, placeOfTheft: 'canary-held' } };
  const bulk = await made('data-operator@issuing', 'POST', '/v1/records/bulk', {
    items: [report, { ...report, record: { ...REPORT, documentNumber: 'H2' } }],
  });
  return {
    ...{ cardId, cardImageSha256, cardPath },
    ...{ challengeId: challenge.id, heldId: bulk.held },
    ...{ central, caseId, recordId, endpointId: endpoint.id, attachmentId },
    deadLetterId: dead.id,
    ...{ operationId, operation, livePath },
    setState: async (state) => {
      await db.updateTable('cases').set({ state }).where('id', '=', caseId).execute();
    },
    request,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A card of Utopia that is published, and a further version of it that is only proposed. */
async function publishCard(
  central: World,
  collections: readonly string[],
): Promise<{ cardId: string; cardImageSha256: string }> {
  const post = async (sub: string, path: string, body?: Uint8Array<ArrayBuffer>) => {
    const token = await directToken({ role: 'ncb', ...RELATIONS.issuing, sub, collections });
    const response = await central.request(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/zip' },
      ...(body ? { body } : {}),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return (await response.json()) as { items: { id: string }[] };
  };
  const card = specimenCard();
  const [, ...images] = specimenFiles();
  const proposed = await post('canary-card-author', '/v1/cards', bundleOf([card], ...images));
  const { id } = proposed.items[0]!;
  await post('canary-card-approver', `/v1/cards/${id}/versions/1/approval`);
  card.texts.en!.title = 'canary-card';
  await post('canary-card-author', '/v1/cards', bundleOf([card]));
  return { cardId: id, cardImageSha256: card.images[0]!.sha256 };
}
