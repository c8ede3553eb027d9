/** Every job runs beside the service: what is given before the start is done after it. */

import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeEvents } from '../../central/check-events/take-events.ts';
import { startJobs } from '../../central/jobs.ts';
import type { LogLine } from '../../central/http/request-log.ts';
import { notify } from '../../central/notifications/notify.ts';
import { signingKey } from '../../src/format/signature.ts';
import { dayOf } from '../../src/format/tag-key.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { reportKeys } from '../support/reported-records.ts';
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts';
import { type CaseWorld, caseWorld, PEOPLE } from './cases/case-world.ts';
import { checkEvent, DAY_MS, dayKeys } from './check-events/events.ts';
import { NOW_MS, SPECIMEN_KEY } from './records.ts';
import { CENTRAL_JWK, directToken, edgeToken, question } from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const HOUR_MS = 3_600_000;
/** When the jobs begin; what is given happened at NOW_MS or before. */
const START_MS = NOW_MS + HOUR_MS;

interface Given {
  database: TestDatabase;
  world: CaseWorld;
  receiver: Receiver;
}

interface Job {
  job: string;
  given: string;
  prepare(given: Given): Promise<unknown>;
  /** What is looked at, and what it is before and after. */
  effect(given: Given): Promise<unknown>;
  before: unknown;
  after: unknown;
}

const count = async (rows: Promise<readonly unknown[]>) => (await rows).length;

const JOBS: readonly Job[] = [
  {
    job: 'escalateDue',
    given: 'a case that nobody takes up',
    prepare: ({ world }) => world.sight('otherAgency'),
    effect: ({ database: { db } }) =>
      db
        .selectFrom('cases')
        .select('escalation_count as count')
        .where('asking_tenant', '=', PEOPLE.otherAgency.tenant)
        .execute(),
    before: [{ count: 0 }],
    after: [{ count: 1 }],
  },
  {
    job: 'forgetCases',
    given: 'a case that was closed over a year ago',
    prepare: async ({ world, database: { db } }) => {
      await world.sight('otherPost', { keys: ['PUTOM2'] });
      const closed = { state: 'closed', closed_at: NOW_MS - 366 * DAY_MS, due_at: null } as const;
      await db.updateTable('cases').set(closed).where('post', '=', 'MUC').execute();
    },
    effect: ({ database: { db } }) =>
      count(
        db
          .selectFrom('sightings')
          .innerJoin('cases', 'cases.id', 'sightings.case_id')
          .select('sightings.id')
          .where('cases.state', '=', 'closed')
          .execute(),
      ),
    before: 1,
    after: 0,
  },
  {
    job: 'sweepFiles',
    given: 'a file of an attachment that was never entered',
    prepare: async ({ world: { folder } }) => {
      writeFileSync(join(folder, 'A'.repeat(22)), '');
      utimesSync(join(folder, 'A'.repeat(22)), 0, 0);
    },
    effect: async ({ world: { folder } }) => existsSync(join(folder, 'A'.repeat(22))),
    before: true,
    after: false,
  },
  {
    job: 'DeliveryWorker',
    given: 'a case and an endpoint of the issuing bureau',
    prepare: async ({ world, receiver }) => {
      await world.call('issuing', 'POST', '/v1/endpoints', { url: receiver.url });
      await world.sight('officer');
    },
    effect: async ({ database: { db }, receiver }) => {
      const states = await db
        .selectFrom('cases')
        .select('state')
        .where('asking_tenant', '=', PEOPLE.officer.tenant)
        .where('post', '=', 'FRA')
        .execute();
      const types = [...receiver.messages.values()].map(({ type }) => type);
      return [types.includes('case.opened'), states];
    },
    before: [false, [{ state: 'opened' }]],
    after: [true, [{ state: 'notified' }]],
  },
  {
    job: 'openCases',
    given: 'a hit at a desk',
    prepare: async ({ world: { central } }) =>
      central.confirm(
        question([SPECIMEN_KEY], { encounter: { exact: [0] } }),
        await edgeToken({ ...PEOPLE.officer, site: 'BER/1' }),
      ),
    effect: ({ database: { db } }) =>
      count(db.selectFrom('cases').select('id').where('post', '=', 'BER').execute()),
    before: 0,
    after: 1,
  },
  {
    job: 'sweepReviews',
    given: 'a record whose review is due in a month',
    prepare: ({ database: { db } }) =>
      db
        .updateTable('records')
        .set({ review_date: new Date(NOW_MS + 30 * DAY_MS).toISOString().slice(0, 10) })
        .where('number', '=', 'M1')
        .execute(),
    effect: ({ database: { db } }) =>
      db
        .selectFrom('notifications')
        .select('tenant')
        .where('type', '=', 'record.review-due')
        .execute(),
    before: [],
    after: [{ tenant: 'NCB-UTO' }],
  },
  {
    job: 'forgetRepeated',
    given: 'an answer of yesterday under an Idempotency-Key',
    prepare: ({ database: { db } }) =>
      db
        .insertInto('repeated_requests')
        .values({
          ...{ tenant: 'NCB-UTO', key: 'k', request_sha256: '', status: 201, body: '{}' },
          at: NOW_MS - DAY_MS,
        })
        .execute(),
    effect: ({ database: { db } }) =>
      count(db.selectFrom('repeated_requests').select('key').execute()),
    before: 1,
    after: 0,
  },
  {
    job: 'forgetNotifications',
    given: 'a notification of 31 days ago',
    prepare: ({ database: { db } }) =>
      db.transaction().execute((transaction) =>
        notify(transaction, {
          ...{ tenant: 'NCB-FRA', type: 'endpoint.test', payload: {} },
          nowMs: NOW_MS - 31 * DAY_MS,
        }),
      ),
    effect: ({ database: { db } }) =>
      count(db.selectFrom('notifications').select('id').where('tenant', '=', 'NCB-FRA').execute()),
    before: 1,
    after: 0,
  },
  {
    job: 'sweepOwnLists',
    given: 'an own list that was given up while it was written',
    prepare: ({ database: { db } }) =>
      db
        .insertInto('own_list_uploads')
        .values({ list_id: 'given-up', started_at: NOW_MS - HOUR_MS })
        .execute(),
    effect: ({ database: { db } }) =>
      count(
        db
          .selectFrom('own_list_uploads')
          .select('list_id')
          .where('list_id', '=', 'given-up')
          .execute(),
      ),
    before: 1,
    after: 0,
  },
  {
    job: 'removeOldTags',
    given: 'a tag of 31 days ago',
    prepare: ({ database: { db } }) =>
      db
        .insertInto('check_tags')
        .values({ day: dayOf(NOW_MS - 31 * DAY_MS), tag: 1n, reference: 1 })
        .execute(),
    effect: ({ database: { db } }) =>
      count(
        db
          .selectFrom('check_tags')
          .select('day')
          .where('day', '<', dayOf(NOW_MS - 30 * DAY_MS))
          .execute(),
      ),
    before: 1,
    after: 0,
  },
  {
    job: 'compareWithOwnLists',
    given: 'an own list, and a hit of a document on it',
    prepare: async ({ world: { central }, database: { db } }) => {
      await central.request('/v1/own-list', {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${await directToken({ role: 'data-operator', tenant: 'BORDER-UTO' })}`,
          'content-type': 'text/csv',
        },
        body: 'HIT1,UTO\n',
      });
      await takeEvents(db, [await checkEvent({ names: ['UTOHIT1'], answers: 'h' })], {
        nowMs: NOW_MS,
      });
    },
    effect: ({ database: { db } }) =>
      db.selectFrom('check_matches').select('is_on_own_list as isOn').execute(),
    before: [{ isOn: null }],
    after: [{ isOn: 1 }],
  },
  {
    job: 'signCheckpoints',
    given: 'a check in the audit of its agency',
    prepare: async ({ database: { db } }) =>
      takeEvents(db, [await checkEvent({ tenant: 'BORDER-FRA' })], { nowMs: NOW_MS }),
    effect: ({ database: { db } }) =>
      count(
        db
          .selectFrom('audit_checkpoints')
          .select('jws')
          .where('tenant', '=', 'BORDER-FRA')
          .execute(),
      ),
    before: 0,
    after: 1,
  },
  {
    job: 'mergeTags',
    given: 'a staged tag of yesterday',
    prepare: async ({ database: { db } }) => {
      const time = new Date(NOW_MS - DAY_MS).toISOString();
      await takeEvents(db, [await checkEvent({ time })], { nowMs: NOW_MS });
    },
    effect: ({ database: { db } }) =>
      count(
        db
          .selectFrom('check_tags')
          .select('reference')
          .where('day', '=', dayOf(NOW_MS - DAY_MS))
          .execute(),
      ),
    before: 0,
    after: 1,
  },
  {
    job: 'matchReports',
    given: 'a report of a document that was let pass',
    prepare: async ({ database: { db } }) => {
      await takeEvents(db, [await checkEvent({ names: ['UTOLATE1'] })], { nowMs: NOW_MS });
      const late = { key: 'PUTOLATE1', recordId: 'late', at: NOW_MS };
      await db.transaction().execute((transaction) => reportKeys(transaction, [late]));
    },
    effect: ({ database: { db } }) =>
      db.selectFrom('retro_matches').select(['record_id as record', 'tenant']).execute(),
    before: [],
    after: [{ record: 'late', tenant: 'BORDER-UTO' }],
  },
];

describe.each(kinds)('of the jobs on $name', ({ create }) => {
  let given: Given;
  const log: LogLine[] = [];
  const before = new Map<string, unknown>();
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    const database = await create();
    given = { database, world: await caseWorld(database.db), receiver: await startReceiver() };
    for (const { prepare } of JOBS) await prepare(given);
    for (const { job, effect } of JOBS) before.set(job, await effect(given));
    const jobs = startJobs({
      ...{ db: database.db, reach: { loopback: true }, dayKeys, clock: () => START_MS },
      signingKey: await signingKey(CENTRAL_JWK),
      attachments: { folder: given.world.folder },
      log: (line) => log.push(line),
    });
    ends.push(() => jobs.stop());
  });
  afterAll(async () => {
    for (const end of ends) await end();
    await given.receiver.close();
    given.world.remove();
    await given.database.remove();
  });

  it.each(JOBS)('$job works off $given', async (row) => {
    expect(before.get(row.job)).toEqual(row.before);
    await expect.poll(() => row.effect(given), { timeout: 10_000 }).toEqual(row.after);
  });

  it('none fails', () => {
    expect(log).toEqual([]);
  });
});

describe.each(kinds)('the jobs on $name', ({ create }) => {
  it('end after the round that is under way, however much is left', async () => {
    const database = await create();
    const { folder, remove } = await caseWorld(database.db);
    const report = { at: NOW_MS, due_at: NOW_MS };
    const waiting = Array.from({ length: 3_000 }, (_, index) => ({
      record_id: `r${index}`,
      ...report,
    }));
    await database.db.insertInto('loaded_reports').values(waiting).execute();
    const jobs = startJobs({
      ...{ db: database.db, reach: { loopback: true }, dayKeys, clock: () => NOW_MS },
      signingKey: await signingKey(CENTRAL_JWK),
      attachments: { folder },
      log: () => {},
    });
    await jobs.stop();
    const left = database.db.selectFrom('loaded_reports').select('at').where('due_at', '=', NOW_MS);
    expect((await left.execute()).length).toBeGreaterThanOrEqual(2_000);
    remove();
    await database.remove();
  });
});
