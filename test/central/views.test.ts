/** Who sees what of a record: in a confirmation, and when it is opened by its id. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRecords } from '../../central/load/load.ts';
import { ROLES } from '../../src/format/role.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from './records.ts';
import {
  centralWorld,
  directToken,
  edgeToken,
  problemCode,
  question,
  type World,
} from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const OWNER = 'NCB-UTO';
const OTHER = 'NCB-D';

const AUDIT_VIEW = ['category', 'id', 'ncb', 'typeCode'];
const OFFICER_VIEW = [
  'category',
  'dateOfTheft',
  'id',
  'nationalReference',
  'ncb',
  'noticeColor',
  'typeCode',
];

const OFFICER_DETAILS = [
  ...[
    'category',
    'dateOfTheft',
    'id',
    'issuingState',
    'nationalReference',
    'ncb',
    'noticeColor',
    'status',
  ],
  'typeCode',
];
const AUDIT_DETAILS = [
  ...['category', 'id', 'issuingState', 'ncb', 'reportedAt', 'status', 'typeCode', 'updatedAt'],
];
const OWNER_DETAILS = [
  ...['category', 'countryOfTheft', 'dateOfExpiry', 'dateOfIssue', 'dateOfTheft'],
  ...[
    'documentNumber',
    'id',
    'issuingState',
    'nationalReference',
    'ncb',
    'noticeColor',
    'placeOfTheft',
  ],
  ...['reportedAt', 'status', 'typeCode', 'updatedAt', 'version'],
];

/** Role and tenant → members of the confirmation's record, members of the opened record or HTTP. */
const MATRIX: [role: string, tenant: string, view: string[], details: string[] | number][] = [
  ['officer', 'BORDER-UTO', OFFICER_VIEW, OFFICER_DETAILS],
  ['officer', OWNER, OFFICER_VIEW, OFFICER_DETAILS],
  ['ncb', OTHER, OFFICER_VIEW, OFFICER_DETAILS],
  ['ncb', OWNER, OFFICER_VIEW, OWNER_DETAILS],
  ['data-operator', OTHER, AUDIT_VIEW, AUDIT_DETAILS],
  ['data-operator', OWNER, OFFICER_VIEW, OWNER_DETAILS],
  ['auditor', 'AUDIT', AUDIT_VIEW, AUDIT_DETAILS],
  ['auditor', OWNER, AUDIT_VIEW, AUDIT_DETAILS],
  ['carrier', 'AIRLINE', ['category', 'id'], 403],
  ['carrier', OWNER, ['category', 'id'], 403],
  ['integrator', 'VENDOR', ['category', 'id'], 403],
  ['integrator', OWNER, ['category', 'id'], 403],
];

/** The same once the record is withdrawn. */
const WITHDRAWN: [role: string, tenant: string, details: string[] | number][] = [
  ['officer', 'BORDER-UTO', ['id', 'issuingState', 'ncb', 'status']],
  ['ncb', OTHER, ['id', 'issuingState', 'ncb', 'status']],
  ['ncb', OWNER, [...OWNER_DETAILS, 'withdrawnAt']],
  ['data-operator', OWNER, [...OWNER_DETAILS, 'withdrawnAt']],
  ['auditor', 'AUDIT', [...AUDIT_DETAILS, 'withdrawnAt']],
  ['carrier', 'AIRLINE', 403],
];

describe.each(kinds)('a record on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  let id: string;
  let withdrawnId: string;

  beforeAll(async () => {
    database = await create();
    central = await centralWorld(database.db);
    const load = (numbers: string[]) =>
      loadRecords(database.db, stream(numbers.map((number) => record({ number }))), {
        asOf: AS_OF_MS,
        clock: () => NOW_MS,
      });
    await load(['L898902C3', 'GONE']);
    const { results } = await central.confirm(question([SPECIMEN_KEY, 'PUTOGONE']));
    [id, withdrawnId] = results.map((result) => result.record?.id) as [string, string];
    await load(['L898902C3']);
  });
  afterAll(() => database.remove());

  const open = async (path: string, claims: object) =>
    central.request(`/v1/records/${path}`, {
      headers: { authorization: `Bearer ${await directToken(claims)}` },
    });

  it('has a view for every role', () => {
    expect([...new Set(MATRIX.map(([role]) => role))].sort()).toEqual([...ROLES].sort());
  });

  it.each(MATRIX)('shows a %s of %s what that role needs', async (role, tenant, view, details) => {
    const token = await edgeToken({ role, tenant });
    const { results } = await central.confirm(question([SPECIMEN_KEY]), token);
    expect(Object.keys(results[0]?.record ?? {}).sort()).toEqual(view);
    expect(results[0]?.record?.category).toBe('stolen');
    const response = await open(id, { role, tenant });
    if (typeof details === 'number') {
      expect(response.status).toBe(details);
      expect(await problemCode(response)).toBe('forbidden');
    } else {
      const body = (await response.json()) as object;
      expect(Object.keys(body).sort()).toEqual(details);
      expect(body).toMatchObject({ id, status: 'listed', issuingState: 'UTO', ncb: 'IP Zenith' });
    }
  });

  it.each(WITHDRAWN)('once withdrawn shows a %s of %s less', async (role, tenant, details) => {
    const response = await open(withdrawnId, { role, tenant });
    if (typeof details === 'number') {
      expect(response.status).toBe(details);
    } else {
      const body = (await response.json()) as object;
      expect(Object.keys(body).sort()).toEqual(details);
      expect(body).toMatchObject({ id: withdrawnId, status: 'withdrawn' });
    }
  });

  it('shows its number to its owner alone', async () => {
    const full = await open(id, { role: 'ncb', tenant: OWNER });
    expect(await full.json()).toMatchObject({
      documentNumber: 'L 898902 C3',
      placeOfTheft: 'Zenith',
      updatedAt: new Date(NOW_MS).toISOString(),
    });
    for (const [role, tenant] of MATRIX) {
      if (tenant === OWNER) continue;
      expect(await (await open(id, { role, tenant })).text()).not.toMatch(/898902|"Zenith"/);
    }
  });

  it('gives carriers no id by which answers could be linked', async () => {
    const token = await edgeToken({ role: 'carrier' });
    const { results } = await central.confirm(question([SPECIMEN_KEY]), token);
    expect(results).toEqual([{ listed: true, record: { id: '-', category: 'stolen' } }]);
  });

  it('is not found under any other id, and the id is not in the log', async () => {
    const ids = ['x', 'A'.repeat(22), `${id}A`, '%27%20or%201=1', encodeURIComponent("a'\0b")];
    for (const wrong of ids) {
      expect(await problemCode(await open(wrong, { role: 'ncb' }))).toBe('not-found');
    }
    await open(id, {});
    expect(central.log.at(-1)).toMatchObject({ route: '/v1/records/:id', status: 200 });
    expect(JSON.stringify(central.log)).not.toContain(id);
  });

  it('is not for a carrier to ask about, even under an id that does not exist', async () => {
    expect((await open('A'.repeat(22), { role: 'carrier' })).status).toBe(403);
  });
});
