/** A state keeps its records from another: its own bureau says so, and central tells the other nothing. */

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { exportRestrictions } from '../../../central/restrictions/export-restrictions.ts';
import { matchReports } from '../../../central/retro-match/match-reports.ts';
import { readRestrictions } from '../../../data-build/import/restriction-file.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { reportKeys } from '../../support/reported-records.ts';
import { type CaseWorld, caseWorld, PEOPLE, type Person } from '../cases/case-world.ts';
import { checkEvent, dayKeys } from '../check-events/events.ts';
import { NOW_MS, SPECIMEN_KEY } from '../records.ts';
import { edgeToken, problemCode, question } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const REASON = 'agreed by the ministries';

describe.each(kinds)('restrictions on $name', ({ create }) => {
  let database: TestDatabase;
  let world: CaseWorld;
  beforeEach(async () => {
    database = await create();
    world = await caseWorld(database.db);
  });
  afterEach(async () => {
    world.remove();
    await database.remove();
  });

  const put = (excluded: readonly unknown[], version = 0, person: Person = 'issuing') =>
    world.call(
      person,
      'PUT',
      '/v1/restrictions',
      { excluded, reason: REASON },
      { 'if-match': `"${version}"` },
    );
  const get = async (person: Person, path: string) => {
    const response = await world.call(person, 'GET', path);
    return { status: response.status, body: await response.json() };
  };
  const confirm = async (claims: object, keys = [SPECIMEN_KEY]) =>
    world.central.confirm(
      question(keys, { encounter: { exact: [0] } }),
      await edgeToken({ ...PEOPLE.officer, ...claims }),
    );
  const told = async () => {
    const rows = await database.db.selectFrom('notifications').select(['tenant', 'type']).execute();
    return rows.map(({ tenant, type }) => `${type} ${tenant}`).sort();
  };

  describe('the list', () => {
    it('is set by the bureau of the state, and read with who set it when and why', async () => {
      expect((await get('issuing', '/v1/restrictions')).body).toEqual({
        ...{ issuingState: 'UTO', version: 0, excluded: [] },
      });
      const set = await put(['FRA', 'D']);
      expect([set.status, set.headers.get('etag')]).toEqual([200, '"1"']);
      const list = { issuingState: 'UTO', version: 1, excluded: ['D', 'FRA'] };
      expect(await set.json()).toMatchObject(list);
      expect((await get('issuing', '/v1/restrictions')).body).toMatchObject(list);
      expect((await put([], 1)).status).toBe(200);
      const { body } = await get('issuing', '/v1/restrictions/history');
      const at = new Date(NOW_MS).toISOString();
      expect(body.items).toEqual([
        { version: 1, at, by: 'clerk-2', reason: REASON, excluded: ['D', 'FRA'] },
        { version: 2, at, by: 'clerk-2', reason: REASON, excluded: [] },
      ]);
      expect((await get('issuing', '/v1/restrictions/history?limit=1')).body).toMatchObject({
        ...{ items: [{ version: 1 }], next: expect.any(String) },
      });
    });

    it('is nobody else’s: another bureau has its own, and other roles have none', async () => {
      await put(['D']);
      expect((await get('asking', '/v1/restrictions')).body.excluded).toEqual([]);
      expect((await get('asking', '/v1/restrictions/history')).body.items).toEqual([]);
      for (const person of ['officer', 'auditor'] as const) {
        expect(await problemCode(await put([], 1, person))).toBe('forbidden');
        expect((await get(person, '/v1/restrictions')).status).toBe(403);
        expect((await get(person, '/v1/restrictions/history')).status).toBe(403);
      }
    });

    it('is changed from the version that was read alone', async () => {
      const bare = await world.call('issuing', 'PUT', '/v1/restrictions', {
        ...{ excluded: [], reason: REASON },
      });
      expect(await problemCode(bare)).toBe('version-missing');
      for (const version of [1, 7]) {
        expect(await problemCode(await put(['D'], version))).toBe('version-changed');
      }
      const both = await Promise.all([put(['D']), put(['FRA'])]);
      expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
      const { body } = await get('issuing', '/v1/restrictions');
      const rows = await database.db.selectFrom('restrictions').selectAll().execute();
      expect(rows.map(({ excluded }) => excluded)).toEqual(body.excluded);
    });

    it.each([
      ['a state that is none', ['XYZ']],
      ['a code that is written otherwise', ['DEU']],
      ['a state twice', ['D', 'D']],
      ['the state itself', ['UTO']],
      ['what is no text', [7]],
      ['more than there are states', Array.from({ length: 301 }, () => 'D')],
    ])('with %s is refused as a whole', async (_, excluded) => {
      expect(await problemCode(await put(excluded))).toBe('request-invalid');
      expect((await get('issuing', '/v1/restrictions')).body.version).toBe(0);
    });
  });

  describe('a confirmation', () => {
    it('says of a restricted key that it is, listed or not, and opens no case', async () => {
      await put(['D']);
      const { results, cards } = await confirm({ state: 'D' }, [SPECIMEN_KEY, 'PUTOX1', 'PD<<X1']);
      const restricted = { restricted: true };
      expect(results).toEqual([restricted, restricted, { listed: false }]);
      expect(cards).toBeUndefined();
      expect(await database.db.selectFrom('sightings').selectAll().execute()).toEqual([]);
    });

    it.each([
      ['a caller of no known state', {}, true],
      ['a caller of another state', { state: 'FRA' }, undefined],
      ['the excluded bureau', { tenant: 'NCB-D', role: 'ncb' }, true],
      ['the bureau of the source', { tenant: 'NCB-UTO', role: 'ncb' }, undefined],
    ])('to %s goes by its state', async (_, claims, restricted) => {
      await put(['D']);
      const [result] = (await confirm(claims)).results;
      expect(result?.restricted).toBe(restricted);
      expect(result?.listed).toBe(restricted ? undefined : true);
    });

    it('is answered as before once the restriction is lifted', async () => {
      await put(['D']);
      await put([], 1);
      expect((await confirm({ state: 'D' })).results).toMatchObject([{ listed: true }]);
    });

    it('of a caller whose state is not that of its bureau is refused', async () => {
      const token = await edgeToken({ ...PEOPLE.asking, state: 'FRA' });
      expect((await world.central.ask(question([SPECIMEN_KEY]), token)).status).toBe(401);
    });
  });

  describe('what is known already', () => {
    it('is kept from the excluded state: case, record, its cards and its dispute', async () => {
      const { id, record } = (await world.opened()) as unknown as {
        id: string;
        record: { id: string };
      };
      const paths = [
        ...[`/v1/cases/${id}`, `/v1/cases/${id}/history`, `/v1/cases/${id}/messages`],
        ...[`/v1/records/${record.id}`, `/v1/records/${record.id}/cards`],
      ];
      for (const path of paths) expect((await get('asking', path)).status).toBe(200);
      await put(['D']);
      for (const path of paths) {
        expect((await get('asking', path)).status).toBe(404);
        // Of no known state.
        expect((await get('officer', path)).status).toBe(404);
        expect((await get('issuing', path)).status).toBe(200);
      }
      expect(await world.cases('asking')).toEqual([]);
      expect(await world.cases('issuing')).toHaveLength(1);
      const challenges = `/v1/records/${record.id}/challenges`;
      const dispute = await world.call('asking', 'POST', challenges, { reason: 'it is ours' });
      expect(await problemCode(dispute)).toBe('not-found');
      expect((await get('asking', challenges)).status).toBe(404);
      expect((await world.call('otherBureau', 'POST', challenges, { reason: 'x' })).status).toBe(
        201,
      );
      const unknown = await world.call('asking', 'POST', `/v1/records/${record.id}/withdrawal`, {
        reason: 'not ours',
      });
      expect(unknown.status).toBe(404);
    });

    it('goes on between the others: the excluded are told of no further event', async () => {
      const { id } = await world.opened();
      const before = await told();
      expect(before.filter((each) => each.endsWith('-D'))).toHaveLength(2);
      await put(['D']);
      const move = { to: 'acknowledged', reason: 'seen' };
      expect(
        (await world.call('issuing', 'POST', `/v1/cases/${id}/transitions`, move)).status,
      ).toBe(200);
      expect((await told()).filter((each) => each.endsWith('-D'))).toHaveLength(2);
    });

    it('is no longer streamed to who has the case open', async () => {
      const { id } = await world.opened();
      const stream = await world.call('asking', 'GET', `/v1/cases/${id}/events`);
      await put(['D']);
      await world.call('issuing', 'POST', `/v1/cases/${id}/messages`, { text: 'between us' });
      // It ends by itself.
      expect(await stream.text()).not.toContain('between us');
    });
  });

  describe('a retro-match', () => {
    const run = async (claims: object) => {
      await takeEvents(database.db, [await checkEvent({ names: ['UTOX1'], ...claims })], {
        nowMs: NOW_MS,
      });
      const report = { key: 'PUTOX1', recordId: 'record-1', at: NOW_MS };
      await database.db.transaction().execute((trx) => reportKeys(trx, [report]));
      return matchReports(database.db, { dayKeys, nowMs: NOW_MS });
    };

    it.each([
      ['of an excluded state', { tenant: 'BORDER-D', state: 'D' }, 0],
      ['of no known state', { tenant: 'BORDER-FRA' }, 0],
      ['of the excluded bureau', { tenant: 'NCB-D' }, 0],
      ['of another state', { tenant: 'BORDER-FRA', state: 'FRA' }, 1],
    ])('with a check %s is told to whom the source lets see', async (_, claims, found) => {
      await put(['D']);
      expect((await run(claims)).found).toBe(found);
      expect((await told()).length).toBe(found * 3);
    });

    it('is told to the post, and not to a bureau that is excluded', async () => {
      await put(['D']);
      expect((await run({ tenant: 'POST-D', state: 'FRA' })).found).toBe(1);
      expect((await told()).map((each) => each.split(' ')[1])).toEqual(['NCB-UTO', 'POST-D']);
    });

    it('that was told before is not listed any more', async () => {
      await run({ tenant: 'BORDER-D', state: 'D' });
      expect((await get('asking', '/v1/retro-matches')).body.items).toHaveLength(1);
      await put(['D']);
      expect((await get('asking', '/v1/retro-matches')).body.items).toEqual([]);
      expect((await get('issuing', '/v1/retro-matches')).body.items).toHaveLength(1);
    });
  });

  it('go to the build as a file that takes the place of the last one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sltd-restrictions-'));
    const path = join(folder, 'restrictions.csv');
    try {
      writeFileSync(path, 'old');
      expect(await exportRestrictions(database.db, path)).toBe(0);
      expect(readRestrictions(path)).toEqual([]);
      await put(['FRA', 'D']);
      await put(['UTO'], 0, 'asking');
      expect(await exportRestrictions(database.db, path)).toBe(3);
      expect(readFileSync(path, 'utf8')).toBe(
        'issuing_state,excluded_state\nD,UTO\nUTO,D\nUTO,FRA\n',
      );
      expect(readRestrictions(path)).toHaveLength(3);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const nowhere = join(folder, 'missing', 'restrictions.csv');
      await expect(exportRestrictions(database.db, nowhere)).rejects.toMatchObject({
        code: 'config-invalid',
      });
      expect(existsSync(nowhere)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
