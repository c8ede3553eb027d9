/**
 * The rights of central as one table: every address, and who is let in.
 *
 * A person is `role@relation`; `*` stands for any. Whoever is not named gets 401, 403 or 404 and
 * nothing else. A new address has to be entered here, or the test of the table fails.
 */

import type { RightsWorld } from './rights-world.ts';

export interface Right {
  /** The address as somebody would ask for it: what belongs to the issuing bureau, or the case. */
  path?: (world: RightsWorld) => string;
  body?: (world: RightsWorld) => object | string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  /** Statuses beside 2xx that only who is let in gets: what is asked is done, or made wrong on purpose. */
  inside?: readonly number[];
  /** Patterns of persons; `anyone` needs no token at all, `edge` takes an edge's tokens alone. */
  allowed: readonly string[] | 'anyone' | 'edge';
}

/** Who stands before documents, and who answers for them: never a carrier, who might be a forger. */
const CARD_READERS = ['officer@*', 'ncb@*'];
/** Of any bureau: its persons, and its systems too. */
const BUREAUS = ['issuing', 'asking', 'other-bureau'];
const CLERKS = BUREAUS.map((relation) => `ncb@${relation}`);
const WRITERS = [...CLERKS, ...BUREAUS.map((relation) => `data-operator@${relation}`)];
const OWNERS = ['ncb@issuing', 'data-operator@issuing'];
const BUREAU = ['ncb@*'];
const OWN_ENDPOINT = ['ncb@issuing'];
const PARTIES = ['officer@post', 'ncb@asking', 'ncb@issuing'];
/** Auditors of any tenant of the case, at whatever site. */
const VIEWERS = [
  ...PARTIES,
  ...['auditor@issuing', 'auditor@asking', 'auditor@post', 'auditor@other-post'],
];

/** Who sees a joint operation: the bureau that leads it, the agency that has a post in it. */
const OPERATION_READERS = ['ncb', 'officer', 'auditor', 'data-operator'].flatMap((role) =>
  ['issuing', 'post', 'other-post'].map((relation) => `${role}@${relation}`),
);
const DATA_KEEPERS = ['ncb@*', 'data-operator@*'];
const DAY = 'from=2026-11-22&to=2026-11-22';

const operationAt = (rest: string) => (world: RightsWorld) =>
  `/v1/joint-operations/${world.operationId}${rest}`;
const caseAt = (rest: string) => (world: RightsWorld) => `/v1/cases/${world.caseId}${rest}`;
const recordAt = (rest: string) => (world: RightsWorld) => `/v1/records/${world.recordId}${rest}`;
const heldAt = (rest: string) => (world: RightsWorld) => `/v1/held-bulks/${world.heldId}${rest}`;
/** Refused inside, so that the record stays as the others find it. */
const NO_SUCH_VERSION = { 'if-match': '"999"' };
const cardAt = (rest: string) => (world: RightsWorld) => `/v1/cards/${world.cardId}${rest}`;
const endpointAt = (rest: string) => (world: RightsWorld) =>
  `/v1/endpoints/${world.endpointId}${rest}`;

/** By method and address as the app has it. */
export const RIGHTS: Record<string, Right> = {
  'GET /healthz': { allowed: 'anyone' },
  'GET /readyz': { allowed: 'anyone' },
  'POST /v1/confirmations': { allowed: 'edge' },

  'GET /v1/records': { allowed: WRITERS },
  'POST /v1/records': { body: () => ({}), inside: [422], allowed: WRITERS },
  'POST /v1/records/bulk': { body: () => ({ items: [] }), inside: [422], allowed: WRITERS },
  'POST /v1/records/search': {
    body: () => ({ issuingState: 'UTO', documentNumber: 'L898902C3' }),
    allowed: OWNERS,
  },
  'GET /v1/records/:id': {
    path: ({ recordId }) => `/v1/records/${recordId}`,
    allowed: ['officer@*', 'ncb@*', 'data-operator@*', 'auditor@*'],
  },
  'GET /v1/records/:id/history': {
    path: recordAt('/history'),
    allowed: [...OWNERS, 'auditor@*', 'data-operator@*'],
  },
  'PATCH /v1/records/:id': {
    path: recordAt(''),
    body: () => ({ nationalReference: 'from the matrix' }),
    headers: NO_SUCH_VERSION,
    inside: [412],
    allowed: OWNERS,
  },
  'POST /v1/records/:id/withdrawal': {
    path: recordAt('/withdrawal'),
    body: () => ({ reason: 'from the matrix' }),
    headers: NO_SUCH_VERSION,
    inside: [412],
    allowed: OWNERS,
  },
  'GET /v1/challenges': { allowed: CLERKS },
  'POST /v1/records/:id/challenges': {
    path: recordAt('/challenges'),
    body: () => ({ reason: 'from the matrix' }),
    inside: [409],
    allowed: ['ncb@asking', 'ncb@other-bureau'],
  },
  'GET /v1/records/:id/challenges': { path: recordAt('/challenges'), allowed: CLERKS },
  'POST /v1/records/:id/challenges/:challenge/resolution': {
    path: (world) => recordAt(`/challenges/${world.challengeId}/resolution`)(world),
    body: () => ({ outcome: 'record-stands', answer: 'from the matrix' }),
    inside: [409],
    allowed: ['ncb@issuing'],
  },
  'GET /v1/restrictions': { allowed: CLERKS },
  'GET /v1/restrictions/history': { allowed: CLERKS },
  'PUT /v1/restrictions': {
    body: () => ({ excluded: [], reason: 'from the matrix' }),
    headers: NO_SUCH_VERSION,
    inside: [412],
    allowed: CLERKS,
  },
  // There may be none of that number yet, or it is another bureau's.
  'GET /v1/operations/:number': {
    path: () => '/v1/operations/1',
    inside: [404],
    allowed: WRITERS,
  },
  'GET /v1/held-bulks': { allowed: WRITERS },
  'GET /v1/held-bulks/:id': { path: heldAt(''), allowed: OWNERS },
  'POST /v1/held-bulks/:id/release': {
    path: heldAt('/release'),
    body: () => ({}),
    inside: [409],
    allowed: ['ncb@issuing'],
  },
  'POST /v1/held-bulks/:id/refusal': {
    path: heldAt('/refusal'),
    body: () => ({}),
    inside: [409],
    allowed: ['ncb@issuing'],
  },

  'GET /v1/cases': { allowed: ['officer@*', 'ncb@*', 'auditor@*'] },
  'GET /v1/cases/:id': { path: caseAt(''), allowed: VIEWERS },
  'GET /v1/cases/:id/history': { path: caseAt('/history'), allowed: VIEWERS },
  'GET /v1/cases/:id/events': { path: caseAt('/events'), allowed: VIEWERS },
  'GET /v1/cases/:id/messages': { path: caseAt('/messages'), allowed: PARTIES },
  'POST /v1/cases/:id/messages': {
    path: caseAt('/messages'),
    body: () => ({ text: 'from the matrix' }),
    allowed: PARTIES,
  },
  'POST /v1/cases/:id/transitions': {
    path: caseAt('/transitions'),
    // The one move that all sides may make, from the state that the matrix sets.
    body: () => ({ to: 'recovered', reason: 'from the matrix' }),
    allowed: PARTIES,
  },
  'POST /v1/cases/:id/attachments': {
    path: caseAt('/attachments'),
    body: () => new Uint8Array(Buffer.from('89504e470d0a1a0a', 'hex')),
    allowed: PARTIES,
  },
  'GET /v1/cases/:id/attachments/:attachment': {
    path: (world) => caseAt(`/attachments/${world.attachmentId}`)(world),
    allowed: PARTIES,
  },

  'GET /v1/cards': { allowed: CARD_READERS },
  'POST /v1/cards': { body: () => ({}), inside: [422], allowed: ['ncb@*'] },
  'GET /v1/cards/:id': { path: cardAt(''), allowed: CARD_READERS },
  'GET /v1/cards/:id/bundle': { path: cardAt('/bundle'), allowed: CARD_READERS },
  'GET /v1/cards/:id/images/:sha256': {
    path: (world) => cardAt(`/images/${world.cardImageSha256}`)(world),
    allowed: CARD_READERS,
  },
  'GET /v1/cards/:id/versions': { path: cardAt('/versions'), allowed: ['ncb@issuing'] },
  'GET /v1/cards/:id/versions/:version': {
    path: cardAt('/versions/2'),
    allowed: ['ncb@issuing'],
  },
  // The first version is published already.
  'POST /v1/cards/:id/versions/:version/approval': {
    path: cardAt('/versions/1/approval'),
    inside: [409],
    allowed: ['ncb@issuing'],
  },
  'POST /v1/cards/:id/withdrawal': {
    path: cardAt('/withdrawal'),
    // Without a reason, so that the card stays as the others find it.
    body: () => ({}),
    inside: [422],
    allowed: ['ncb@issuing'],
  },
  // Whoever has the link of an answer, and it shows what is published.
  'GET /cards/:link': { path: ({ cardPath }) => cardPath, allowed: 'anyone' },
  'GET /cards/:link/images/:sha256': {
    path: ({ cardPath, cardImageSha256 }) => `${cardPath}/images/${cardImageSha256}`,
    allowed: 'anyone',
  },
  'GET /v1/records/:id/cards': { path: recordAt('/cards'), allowed: CARD_READERS },

  'GET /v1/notifications': { allowed: ['ncb@*', 'officer@*'] },
  // Before all of an endpoint are sent again.
  'GET /v1/dead-letters': { allowed: BUREAU },
  'POST /v1/dead-letters/:id/replay': {
    path: ({ deadLetterId }) => `/v1/dead-letters/${deadLetterId}/replay`,
    allowed: OWN_ENDPOINT,
  },
  'GET /v1/endpoints': { allowed: BUREAU },
  'POST /v1/endpoints': {
    body: () => ({ url: 'https://ncb.example/' }),
    // The eleventh.
    inside: [422],
    allowed: BUREAU,
  },
  'POST /v1/endpoints/:id/secret': { path: endpointAt('/secret'), allowed: OWN_ENDPOINT },
  'POST /v1/endpoints/:id/test': { path: endpointAt('/test'), allowed: OWN_ENDPOINT },
  'POST /v1/endpoints/:id/replay': {
    path: endpointAt('/replay'),
    body: () => ({ since: '2026-01-01T00:00:00Z' }),
    allowed: OWN_ENDPOINT,
  },
  'GET /v1/contacts': { allowed: BUREAU },
  'PUT /v1/contacts': { body: () => ({ contacts: [] }), allowed: BUREAU },
  'POST /v1/check-events': { allowed: 'edge' },
  'GET /v1/audit/events': { allowed: ['auditor@*'] },
  'GET /v1/audit/checkpoints': { allowed: ['auditor@*'] },
  'GET /v1/retro-matches': { allowed: ['ncb@*', 'officer@*'] },

  'GET /v1/joint-operations': { allowed: [...DATA_KEEPERS, 'officer@*', 'auditor@*'] },
  'POST /v1/joint-operations': { body: ({ operation }) => operation, allowed: BUREAU },
  'GET /v1/joint-operations/:id': { path: operationAt(''), allowed: OPERATION_READERS },
  'PUT /v1/joint-operations/:id': {
    path: operationAt(''),
    body: ({ operation }) => ({ ...operation, name: 'canary-operation' }),
    headers: NO_SUCH_VERSION,
    inside: [412],
    allowed: ['ncb@issuing'],
  },
  'GET /v1/joint-operations/:id/report': {
    path: operationAt('/report'),
    allowed: OPERATION_READERS,
  },
  'GET /v1/joint-operations/:id/report.csv': {
    path: operationAt('/report.csv'),
    allowed: OPERATION_READERS,
  },
  'GET /v1/joint-operations/:id/report.html': {
    path: operationAt('/report.html'),
    allowed: OPERATION_READERS,
  },
  'POST /v1/joint-operations/:id/links': {
    path: operationAt('/links'),
    body: () => ({ hours: 1 }),
    allowed: OPERATION_READERS,
  },
  'DELETE /v1/joint-operations/:id/links': {
    path: operationAt('/links'),
    allowed: OPERATION_READERS,
  },
  // Whoever has the link, and it shows what its maker may see.
  'GET /joint-operations/live/:token': { path: ({ livePath }) => livePath, allowed: 'anyone' },
  'PUT /v1/own-list': { body: () => 'X1,UTO', allowed: DATA_KEEPERS },
  'GET /v1/own-list': { allowed: DATA_KEEPERS },

  'PUT /v1/coverage/crossings': {
    body: () => ({
      crossings: [{ site: 'gate', day: '2026-11-22', direction: 'entry', crossings: 1 }],
    }),
    allowed: DATA_KEEPERS,
  },
  'GET /v1/coverage': {
    path: () => `/v1/coverage?${DAY}`,
    allowed: [...DATA_KEEPERS, 'officer@*', 'auditor@*'],
  },
  'GET /v1/coverage.csv': {
    path: () => `/v1/coverage.csv?${DAY}`,
    allowed: [...DATA_KEEPERS, 'officer@*', 'auditor@*'],
  },
  // Last, since it takes away what the others ask for.
  'DELETE /v1/endpoints/:id': { path: endpointAt(''), allowed: OWN_ENDPOINT },
};

/** True if a person, `role@relation`, is one of the patterns. */
export function isOneOf(name: string, patterns: readonly string[]): boolean {
  const [role, relation] = name.split('@');
  return patterns.some((pattern) => {
    const [roles, relations] = pattern.split('@');
    return (roles === '*' || roles === role) && (relations === '*' || relations === relation);
  });
}
