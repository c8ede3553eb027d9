/** Bureaus keep their records: report, correct, withdraw, in bulk or one by one, and nobody else. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { operationsAfter } from '../../../central/records/operation-log.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { centralWorld, directToken, problemCode, question, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const REPORT = {
  issuingState: 'UTO',
  documentNumber: 'x 1234-5',
  documentType: 'PAS',
  category: 'stolen',
  dateOfTheft: '2026-11-20',
  nationalReference: 'UTO-2026-99',
};

interface Answer {
  status: string;
  id: string;
  version: number;
  operationSequence: number;
  held?: string;
  cause?: string;
}

describe.each(kinds)('records on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
    await loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    central = await centralWorld(db, { bulkLimits: { reportsPerDay: 6, withdrawalsPerDay: 3 } });
  });
  afterEach(() => database.remove());

  interface Sent {
    claims?: object;
    headers?: Record<string, string>;
  }
  const send = async (
    method: string,
    path: string,
    body?: object | string,
    { claims = {}, headers = {} }: Sent = {},
  ) =>
    central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${await directToken({ role: 'ncb', tenant: 'NCB-UTO', ...claims })}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const report = async (changes: object = {}, sent: Sent = {}) =>
    send('POST', '/v1/records', { ...REPORT, ...changes }, sent);
  const reported = async (changes: object = {}) => (await (await report(changes)).json()) as Answer;
  const read = async (path: string, claims: object = {}) =>
    (await (await send('GET', path, undefined, { claims })).json()) as Record<string, unknown>;
  const isListed = async (...keys: string[]) =>
    (await central.confirm(question(keys))).results.map(({ listed }) => listed);
  const operations = async () =>
    (await operationsAfter(db, 0, 100)).map(({ kind, key }) => `${kind} ${key}`);
  const withdraw = (id: string, sent: Sent = {}) =>
    send('POST', `/v1/records/${id}/withdrawal`, { reason: 'found again' }, sent);

  describe('a report', () => {
    it('is confirmed at once, and the answer says up to which operation it knows', async () => {
      const response = await report();
      expect(response.status).toBe(201);
      const answer = (await response.json()) as Answer;
      expect(answer).toEqual({
        status: 'reported',
        id: expect.stringMatching(/^[\w-]{22}$/),
        version: 1,
        operationSequence: 1,
      });
      expect(response.headers.get('location')).toBe(`/v1/records/${answer.id}`);
      expect(response.headers.get('etag')).toBe('"1"');
      const confirmed = await central.confirm(question(['PUTOX12345']));
      expect(confirmed.results[0]).toMatchObject({ listed: true, record: { id: answer.id } });
      expect(confirmed.operationSequence).toBe(1);
      expect(await operations()).toEqual(['added PUTOX12345']);
    });

    it('is kept as it was sent, to be looked at again in ten years', async () => {
      const { id } = await reported();
      expect(await read(`/v1/records/${id}`)).toMatchObject({
        documentNumber: 'x 1234-5',
        category: 'stolen',
        typeCode: 'PAS',
        ncb: 'NCB-UTO',
        reviewDate: '2036-11-22',
        reportedAt: new Date(NOW_MS).toISOString(),
        version: 1,
      });
    });

    it('is the same record when an export brings it, and not withdrawn by one that does not', async () => {
      const { id } = await reported();
      const asReported = record({
        ...{ number: 'X12345', numberAsReported: 'x 1234-5', nationalReference: 'UTO-2026-99' },
      });
      const later = { clock: () => NOW_MS + 1, asOf: AS_OF_MS };
      await loadRecords(db, stream([record()]), later);
      expect(await isListed('PUTOX12345')).toEqual([true]);
      await loadRecords(db, stream([record(), asReported]), { ...later, asOf: NOW_MS });
      const { results } = await central.confirm(question(['PUTOX12345']));
      expect(results[0]?.record?.id).toBe(id);
    });

    it('goes under every class of its type', async () => {
      await reported({ documentType: 'RFP' });
      expect(await isListed('PUTOX12345', 'IUTOX12345', 'OUTOX12345')).toEqual([true, true, true]);
      expect((await operations()).length).toBe(3);
    });

    it('of what is listed already is told so', async () => {
      await reported();
      const again = await report();
      expect([again.status, await problemCode(again)]).toEqual([409, 'record-exists']);
      expect((await operations()).length).toBe(1);
    });

    it('of what was withdrawn lists it again under its id', async () => {
      const { id } = await reported();
      await withdraw(id);
      expect(await reported()).toMatchObject({ id, version: 3, operationSequence: 3 });
      expect(await isListed('PUTOX12345')).toEqual([true]);
    });

    it.each<[string, object, string, string]>([
      ['no number', { documentNumber: undefined }, 'documentNumber', 'field-missing'],
      ['a number of signs', { documentNumber: '§§' }, 'documentNumber', 'number-bad-character'],
      ['a long number', { documentNumber: '1'.repeat(40) }, 'documentNumber', 'number-too-long'],
      ['a number that is none', { documentNumber: 7 }, 'documentNumber', 'field-invalid'],
      ['no state', { issuingState: '' }, 'issuingState', 'field-missing'],
      ['a name for a state', { issuingState: 'Utopia' }, 'issuingState', 'state-unknown'],
      ['an unknown type', { documentType: 'BOAT' }, 'documentType', 'class-unknown'],
      ['an unknown category', { category: 'lent' }, 'category', 'field-invalid'],
      ['a day that is none', { dateOfTheft: '2026-02-30' }, 'dateOfTheft', 'date-invalid'],
      ['a theft to come', { dateOfTheft: '2026-12-24' }, 'dateOfTheft', 'date-invalid'],
      ['a day in words', { dateOfIssue: 'March' }, 'dateOfIssue', 'date-invalid'],
      [
        'an end before its beginning',
        { dateOfIssue: '2020-01-01', dateOfExpiry: '2019-01-01' },
        'dateOfExpiry',
        'date-invalid',
      ],
      ['a review that is over', { reviewDate: '2026-11-22' }, 'reviewDate', 'date-invalid'],
      ['a review too late', { reviewDate: '2040-01-01' }, 'reviewDate', 'date-invalid'],
      ['a line break in a place', { placeOfTheft: 'a\nb' }, 'placeOfTheft', 'field-invalid'],
      [
        'a long reference',
        { nationalReference: 'R'.repeat(65) },
        'nationalReference',
        'field-invalid',
      ],
      ['a holder', { holder: 'SOMEONE' }, '', 'field-unknown'],
    ])('with %s is refused with the field and a code', async (_, changes, field, code) => {
      const response = await report(changes);
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({
        code: 'request-invalid',
        errors: [{ field, code }],
      });
      for (const value of Object.values(changes)) {
        if (typeof value === 'string' && value.length > 3) expect(text).not.toContain(value);
      }
      expect(await operations()).toEqual([]);
    });

    it('says all that is wrong with it, and echoes nothing', async () => {
      const response = await send('POST', '/v1/records', { documentNumber: '§SECRET§', secret: 1 });
      const text = await response.text();
      expect(text.toLowerCase()).not.toContain('secret');
      expect((JSON.parse(text) as { errors: unknown[] }).errors).toEqual([
        { field: '', code: 'field-unknown' },
        { field: 'issuingState', code: 'field-missing' },
        { field: 'documentType', code: 'field-missing' },
        { field: 'category', code: 'field-missing' },
      ]);
    });
  });

  describe('only the bureau of the issuing state', () => {
    it.each<[string, string, number]>([
      ['ncb', 'NCB-UTO', 201],
      ['data-operator', 'NCB-UTO', 201],
      ['ncb', 'NCB-D', 403],
      ['ncb', 'UTO', 403],
      ['officer', 'NCB-UTO', 403],
      ['auditor', 'NCB-UTO', 403],
      ['carrier', 'NCB-UTO', 403],
      ['integrator', 'NCB-UTO', 403],
    ])('reports: %s of %s gets %i', async (role, tenant, status) => {
      expect((await report({}, { claims: { role, tenant } })).status).toBe(status);
      expect((await isListed('PUTOX12345'))[0]).toBe(status === 201);
    });

    it('corrects and withdraws', async () => {
      const { id } = await reported();
      const claims = { tenant: 'NCB-D' };
      const patch = await send(
        'PATCH',
        `/v1/records/${id}`,
        { placeOfTheft: 'Nadir' },
        {
          claims,
          headers: { 'if-match': '"1"' },
        },
      );
      expect(await problemCode(patch)).toBe('forbidden');
      expect(await problemCode(await withdraw(id, { claims }))).toBe('forbidden');
      expect(await isListed('PUTOX12345')).toEqual([true]);
    });
  });

  describe('a withdrawal', () => {
    it('takes the record off the list and leaves it to be read', async () => {
      const { id } = await reported();
      const response = await withdraw(id);
      expect([response.status, await response.json()]).toEqual([
        200,
        { status: 'withdrawn', id, version: 2, operationSequence: 2 },
      ]);
      expect(await isListed('PUTOX12345')).toEqual([false]);
      expect(await operations()).toEqual(['added PUTOX12345', 'withdrawn PUTOX12345']);
      expect(await problemCode(await withdraw(id))).toBe('record-withdrawn');
      expect(await read(`/v1/records/${id}`)).toMatchObject({ status: 'withdrawn' });
    });

    it('of one of two records of a document leaves the other, also in the log', async () => {
      const { id } = await reported();
      await reported({ category: 'lost' });
      await withdraw(id);
      expect(await isListed('PUTOX12345')).toEqual([true]);
      const last = (await operationsAfter(db, 0, 100)).at(-1);
      expect(last).toMatchObject({ kind: 'added', key: 'PUTOX12345', category: 'lost' });
    });

    it('needs a reason in words', async () => {
      const { id } = await reported();
      for (const body of [
        {},
        { reason: '' },
        { reason: 'x'.repeat(501) },
        { reason: 'a\0b' },
        [],
      ]) {
        const response = await send('POST', `/v1/records/${id}/withdrawal`, body);
        expect(await problemCode(response)).toBe('request-invalid');
      }
    });
  });

  describe('a correction', () => {
    const correct = (id: string, changes: object, version = 1) =>
      send('PATCH', `/v1/records/${id}`, changes, { headers: { 'if-match': `"${version}"` } });

    it('of a date keeps the record, its id and its place on the list', async () => {
      const { id } = await reported();
      const response = await correct(id, { dateOfTheft: '2026-11-19', placeOfTheft: 'Nadir' });
      expect(await response.json()).toMatchObject({ status: 'corrected', id, version: 2 });
      expect(response.headers.get('etag')).toBe('"2"');
      expect(await read(`/v1/records/${id}`)).toMatchObject({
        ...{ dateOfTheft: '2026-11-19', placeOfTheft: 'Nadir', documentNumber: 'x 1234-5' },
      });
      expect(await operations()).toEqual([
        ...['added PUTOX12345', 'withdrawn PUTOX12345', 'added PUTOX12345'],
      ]);
    });

    it('outlives the load of an export that does not know it yet', async () => {
      const own = (await read('/v1/records')).items as { id: string }[];
      const id = own[0]?.id as string;
      await correct(id, { placeOfTheft: 'Nadir' });
      await loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS + 1 });
      expect(await read(`/v1/records/${id}`)).toMatchObject({ placeOfTheft: 'Nadir' });
    });

    it('of the number makes another record of it, and the old one names it', async () => {
      const { id } = await reported();
      const answer = (await (await correct(id, { documentNumber: 'X999' })).json()) as Answer;
      expect(answer.id).not.toBe(id);
      expect(await isListed('PUTOX12345', 'PUTOX999')).toEqual([false, true]);
      expect(await read(`/v1/records/${id}`)).toMatchObject({
        ...{ status: 'withdrawn', replacedBy: answer.id },
      });
      expect((await operations()).slice(1).sort()).toEqual([
        ...['added PUTOX999', 'withdrawn PUTOX12345'],
      ]);
    });

    it('takes a field away by null', async () => {
      const { id } = await reported();
      await correct(id, { dateOfTheft: null });
      expect(await read(`/v1/records/${id}`)).not.toHaveProperty('dateOfTheft');
    });

    it('needs the version that was read, and changes nothing with another', async () => {
      const { id } = await reported();
      const without = await send('PATCH', `/v1/records/${id}`, { placeOfTheft: 'Nadir' });
      expect([without.status, await problemCode(without)]).toEqual([428, 'version-missing']);
      const first = await correct(id, { placeOfTheft: 'Nadir' });
      const second = await correct(id, { placeOfTheft: 'Zenith' });
      expect([first.status, second.status]).toEqual([200, 412]);
      expect(await problemCode(second)).toBe('version-changed');
      expect(await read(`/v1/records/${id}`)).toMatchObject({ placeOfTheft: 'Nadir', version: 2 });
    });

    it('is of what it names: what an export had stays, whatever its form', async () => {
      const odd = record({
        ...{ number: 'ODD1', placeOfTheft: 'Z'.repeat(201), countryOfTheft: 'Somewhere far away' },
        ...{ dateOfIssue: '2031-01-01', dateOfExpiry: '2030-01-01', dateOfTheft: 'unknown' },
        nationalReference: 'R'.repeat(70),
      });
      const later = { asOf: AS_OF_MS, clock: () => NOW_MS };
      await loadRecords(db, stream([record(), odd]), later);
      const row = () =>
        db.selectFrom('records').selectAll().where('number', '=', 'ODD1').executeTakeFirstOrThrow();
      const before = await row();
      expect((await correct(before.id, { dateOfTheft: '2026-03-02' })).status).toBe(200);
      expect(await row()).toEqual({ ...before, date_of_theft: '2026-03-02', version: 2 });
      const wrong = await correct(before.id, { dateOfIssue: '2030-01-02' }, 2);
      expect(await wrong.json()).toMatchObject({
        errors: [{ field: 'dateOfIssue', code: 'date-invalid' }],
      });
      const early = await correct(before.id, { dateOfExpiry: '2029-01-01' }, 2);
      expect(await early.json()).toMatchObject({
        errors: [{ field: 'dateOfExpiry', code: 'date-invalid' }],
      });
    });

    it('cannot move a record to another state', async () => {
      const { id } = await reported();
      expect((await correct(id, { issuingState: 'D' })).status).toBe(422);
    });
  });

  it('keeps the history of a record: who, when, what, why', async () => {
    const { id } = await reported();
    await send(
      'PATCH',
      `/v1/records/${id}`,
      { dateOfTheft: '2026-11-19' },
      {
        claims: { sub: 'clerk-2' },
        headers: { 'if-match': '"1"' },
      },
    );
    await withdraw(id, { claims: { sub: 'clerk-3' } });
    const path = `/v1/records/${id}/history`;
    const first = (await read(`${path}?limit=2`)) as { items: object[]; next: string };
    const rest = (await read(`${path}?limit=2&cursor=${first.next}`)) as { items: object[] };
    const at = new Date(NOW_MS).toISOString();
    expect([...first.items, ...rest.items]).toEqual([
      { version: 1, at, action: 'reported', tenant: 'NCB-UTO', subject: 'officer-1' },
      {
        ...{ version: 2, at, action: 'corrected', tenant: 'NCB-UTO', subject: 'clerk-2' },
        before: { dateOfTheft: '2026-11-20' },
      },
      {
        ...{ version: 3, at, action: 'withdrawn', tenant: 'NCB-UTO', subject: 'clerk-3' },
        reason: 'found again',
      },
    ]);
    expect(rest).not.toHaveProperty('next');
    const audit = (await read(path, { role: 'auditor', tenant: 'AUDIT' })) as { items: object[] };
    expect(JSON.stringify(audit)).not.toMatch(/2026-11-20|found again|clerk-/);
    // A person's name is told to that person's own tenant.
    const own = (await read(path, { role: 'auditor' })) as { items: object[] };
    expect(own.items[1]).toMatchObject({ subject: 'clerk-2' });
    expect(own.items[1]).not.toHaveProperty('before');
    expect(audit.items.length).toBe(3);
    for (const claims of [{ role: 'officer' }, { tenant: 'NCB-D' }, { role: 'carrier' }]) {
      expect((await send('GET', path, undefined, { claims })).status).toBe(403);
    }
  });

  describe('a request with an Idempotency-Key', () => {
    const headers = { 'idempotency-key': 'a-1' };

    it('is done once, however often it is sent, and answered the same', async () => {
      const first = await report({}, { headers });
      const second = await report({}, { headers });
      expect(second.status).toBe(201);
      expect(await second.json()).toEqual(await first.json());
      expect((await operations()).length).toBe(1);
    });

    it('is done once when it is sent ten times at once', async () => {
      const all = await Promise.all([...Array(10)].map(() => report({}, { headers })));
      const texts = await Promise.all(all.map((response) => response.text()));
      expect(new Set(texts).size).toBe(1);
      expect((await operations()).length).toBe(1);
    });

    it('of another request is refused, and of another bureau its own', async () => {
      await report({}, { headers });
      const other = await report({ documentNumber: 'X2' }, { headers });
      expect([other.status, await problemCode(other)]).toEqual([409, 'repeat-differs']);
      const german = { issuingState: 'D' };
      const foreign = await report(german, { headers, claims: { tenant: 'NCB-D' } });
      expect(foreign.status).toBe(201);
    });

    it('that was refused is tried anew', async () => {
      expect((await report({ category: 'x' }, { headers })).status).toBe(422);
      expect((await report({}, { headers })).status).toBe(201);
    });

    it('keeps no document number', async () => {
      await report({}, { headers });
      const rows = await db.selectFrom('repeated_requests').selectAll().execute();
      expect(rows.length).toBe(1);
      expect(JSON.stringify(rows)).not.toMatch(/1234/);
    });
  });

  describe('a bulk', () => {
    const item = (number: string) => ({
      action: 'report',
      record: { ...REPORT, documentNumber: number },
    });

    it('has a result for each item, in order, and refuses only what is wrong', async () => {
      const { id } = await reported();
      const items = [
        item('B1'),
        item('§'),
        { action: 'withdraw', id, reason: 'found' },
        { action: 'withdraw', id: 'A'.repeat(22), reason: 'found' },
        { action: 'fly' },
        item('B1'),
        { action: 'report', record: { ...REPORT, issuingState: 'D' } },
      ];
      const response = await send('POST', '/v1/records/bulk', { items });
      const { results } = (await response.json()) as { results: Record<string, unknown>[] };
      expect(results.map(({ index, status, code }) => [index, status, code])).toEqual([
        [0, 'reported', undefined],
        [1, 'refused', 'request-invalid'],
        [2, 'withdrawn', undefined],
        [3, 'refused', 'not-found'],
        [4, 'refused', 'request-invalid'],
        [5, 'refused', 'record-exists'],
        [6, 'refused', 'forbidden'],
      ]);
      expect(results[1]?.errors).toEqual([
        { field: 'documentNumber', code: 'number-bad-character' },
      ]);
      expect(await isListed('PUTOB1', 'PUTOX12345', 'PD<<B1')).toEqual([true, false, false]);
    });

    it('comes as a line an item too', async () => {
      const lines = [JSON.stringify(item('B1')), '', '{', JSON.stringify(item('B2'))].join('\n');
      const headers = { 'content-type': 'application/x-ndjson' };
      const response = await send('POST', '/v1/records/bulk', lines, { headers });
      const { results } = (await response.json()) as { results: { status: string }[] };
      expect(results.map(({ status }) => status)).toEqual(['reported', 'refused', 'reported']);
    });

    it.each<[string, number]>([
      ['no item', 0],
      ['5,001 items', 5_001],
    ])('of %s is refused', async (_, count) => {
      const response = await send('POST', '/v1/records/bulk', { items: Array(count).fill(null) });
      expect(await problemCode(response)).toBe('bulk-size');
    });

    describe('that is unusual', () => {
      const many = [...Array(7).keys()].map((i) => item(`B${i}`));
      const sendMany = async () =>
        (await (await send('POST', '/v1/records/bulk', { items: many })).json()) as Answer;
      const other = { claims: { sub: 'clerk-2' } };

      it('waits for a second person, and is listed when released', async () => {
        const response = await send('POST', '/v1/records/bulk', { items: many });
        expect(response.status).toBe(202);
        const { held, cause } = (await response.json()) as Answer;
        expect(cause).toBe('many-reports');
        expect(response.headers.get('location')).toBe(`/v1/held-bulks/${held}`);
        expect(await isListed('PUTOB0')).toEqual([false]);
        const own = await send('POST', `/v1/held-bulks/${held}/release`, {});
        expect([own.status, await problemCode(own)]).toEqual([403, 'second-person']);
        const released = await send('POST', `/v1/held-bulks/${held}/release`, {}, other);
        expect(await released.json()).toMatchObject({ status: 'released', operationSequence: 7 });
        expect(await isListed('PUTOB0', 'PUTOB6')).toEqual([true, true]);
        const twice = await send('POST', `/v1/held-bulks/${held}/release`, {}, other);
        expect(await problemCode(twice)).toBe('bulk-decided');
      });

      it('is dropped when refused, and its numbers with it', async () => {
        const { held } = await sendMany();
        expect(await read(`/v1/held-bulks/${held}`)).toMatchObject({
          ...{ status: 'held', itemCount: 7, sentBy: 'officer-1', items: many },
        });
        await send('POST', `/v1/held-bulks/${held}/refusal`, {}, other);
        expect(await read(`/v1/held-bulks/${held}`)).toMatchObject({
          ...{ status: 'refused', decidedBy: 'clerk-2' },
        });
        const rows = await db.selectFrom('held_bulks').selectAll().execute();
        expect(JSON.stringify(rows)).not.toContain('documentNumber');
        expect(await isListed('PUTOB0')).toEqual([false]);
      });

      it('is seen and decided by its bureau alone, and not by a system', async () => {
        const { held } = await sendMany();
        const path = `/v1/held-bulks/${held}`;
        const foreign = { claims: { tenant: 'NCB-D', sub: 'x' } };
        const system = { claims: { role: 'data-operator', sub: 'system' } };
        expect((await send('GET', path, undefined, foreign)).status).toBe(404);
        expect((await send('POST', `${path}/release`, {}, foreign)).status).toBe(404);
        expect((await send('POST', `${path}/release`, {}, system)).status).toBe(403);
        expect(await read('/v1/held-bulks', { tenant: 'NCB-D' })).toEqual({ items: [] });
        expect(((await read('/v1/held-bulks')).items as object[]).length).toBe(1);
      });

      it('is so one by one as well', async () => {
        const ids: string[] = [];
        for (const number of ['C1', 'C2', 'C3', 'C4']) {
          ids.push((await reported({ documentNumber: number })).id);
        }
        const statuses: number[] = [];
        for (const id of ids) statuses.push((await withdraw(id)).status);
        expect(statuses).toEqual([200, 200, 200, 202]);
        expect(await isListed('PUTOC4')).toEqual([true]);
        const [held] = (await read('/v1/held-bulks')).items as { cause: string; id: string }[];
        expect(held?.cause).toBe('many-withdrawals');
        await send('POST', `/v1/held-bulks/${held?.id}/release`, {}, other);
        expect(await isListed('PUTOC4')).toEqual([false]);
      });
    });
  });

  describe('a challenge', () => {
    const german = { claims: { tenant: 'NCB-D', sub: 'german-1' } };
    const ownRecord = async () =>
      ((await read('/v1/records')).items as { id: string }[])[0]?.id as string;
    const challenge = async (id: string, sent: Sent = german) =>
      send('POST', `/v1/records/${id}/challenges`, { reason: 'The holder has it.' }, sent);

    it('is shown in every answer until the owner has looked', async () => {
      const id = await ownRecord();
      const response = await challenge(id);
      expect(response.status).toBe(201);
      const { id: challengeId } = (await response.json()) as { id: string };
      const shown = async () =>
        (await central.confirm(question([SPECIMEN_KEY]))).results[0]?.record?.challenged;
      expect(await shown()).toBe(true);
      expect(await read(`/v1/records/${id}`)).toMatchObject({ challenged: true, version: 2 });
      const path = `/v1/records/${id}/challenges/${challengeId}/resolution`;
      const false_ = await send('POST', path, { outcome: 'record-withdrawn', answer: 'Done.' });
      expect(await problemCode(false_)).toBe('record-listed');
      const foreign = await send('POST', path, { outcome: 'record-stands', answer: 'No.' }, german);
      expect(await problemCode(foreign)).toBe('forbidden');
      await send('POST', path, { outcome: 'record-stands', answer: 'It is right.' });
      expect(await shown()).toBeUndefined();
      const again = await send('POST', path, { outcome: 'record-stands', answer: 'Again.' });
      expect(await problemCode(again)).toBe('challenge-resolved');
      const told = await db.selectFrom('notifications').select(['tenant', 'type']).execute();
      expect(told.map(({ tenant, type }) => `${tenant} ${type}`).sort()).toEqual([
        'NCB-D record.challenge-answered',
        'NCB-UTO record.challenged',
      ]);
      const list = await read(`/v1/records/${id}/challenges`, german.claims);
      expect(list.items).toMatchObject([
        { bureau: 'NCB-D', outcome: 'record-stands', answer: 'It is right.' },
      ]);
      expect(JSON.stringify(list)).not.toContain('german-1');
    });

    it('goes with the record when a correction makes another one of it', async () => {
      const id = await ownRecord();
      const { id: challengeId } = (await (await challenge(id)).json()) as { id: string };
      const corrected = await send(
        'PATCH',
        `/v1/records/${id}`,
        { nationalReference: 'UTO-2026-18' },
        { headers: { 'if-match': '"2"' } },
      );
      const { id: newId } = (await corrected.json()) as Answer;
      const { results } = await central.confirm(question([SPECIMEN_KEY]));
      expect(results[0]?.record).toMatchObject({ id: newId, challenged: true });
      expect(await read(`/v1/records/${id}`)).not.toHaveProperty('challenged');
      const list = await read(`/v1/records/${newId}/challenges`, german.claims);
      expect(list.items).toMatchObject([{ id: challengeId, bureau: 'NCB-D' }]);
      const path = `/v1/records/${newId}/challenges/${challengeId}/resolution`;
      const body = { outcome: 'record-corrected', answer: 'It was another reference.' };
      expect((await send('POST', path, body)).status).toBe(200);
      const answered = (await central.confirm(question([SPECIMEN_KEY]))).results[0]?.record;
      expect(answered).not.toHaveProperty('challenged');
    });

    it('is answered with a correction only after one', async () => {
      const id = await ownRecord();
      const { id: challengeId } = (await (await challenge(id)).json()) as { id: string };
      const path = `/v1/records/${id}/challenges/${challengeId}/resolution`;
      const resolve = () => send('POST', path, { outcome: 'record-corrected', answer: 'Done.' });
      expect(await problemCode(await resolve())).toBe('record-uncorrected');
      await send(
        'PATCH',
        `/v1/records/${id}`,
        { dateOfTheft: '2026-03-03' },
        { headers: { 'if-match': '"2"' } },
      );
      expect((await resolve()).status).toBe(200);
    });

    it('is not for the owner, not for other roles, and one a bureau', async () => {
      const id = await ownRecord();
      expect(await problemCode(await challenge(id, {}))).toBe('forbidden');
      for (const claims of [
        { role: 'officer' },
        { tenant: 'BORDER-D' },
        { role: 'data-operator' },
      ]) {
        expect((await challenge(id, { claims: { ...german.claims, ...claims } })).status).toBe(403);
      }
      await challenge(id);
      expect(await problemCode(await challenge(id))).toBe('challenge-open');
      expect((await challenge(id, { claims: { tenant: 'NCB-FRA' } })).status).toBe(201);
      const count = async (claims: object) =>
        ((await read(`/v1/records/${id}/challenges`, claims)).items as object[]).length;
      expect([await count({}), await count({ tenant: 'NCB-FRA' })]).toEqual([2, 1]);
    });
  });

  it('says nothing of a record in the log', async () => {
    const { id } = await reported();
    await withdraw(id);
    const text = JSON.stringify(central.log);
    for (const word of ['1234', 'UTO', id, 'found again', 'officer-1']) {
      expect(text).not.toContain(word);
    }
  });
});
