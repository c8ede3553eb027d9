/** Cards: two persons publish, everybody at a border reads, and a bundle brings nothing but cards. */

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBundle } from '../../../central/cards/read-bundle.ts';
import { writeZip } from '../../../central/cards/write-zip.ts';
import { isPostgres } from '../../../central/database/database.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { DirectoryStore } from '../../../publish/directory-store.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, type World } from '../world.ts';
import { bundleOf, cardsJson, specimenCard, specimenFiles } from './card-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const AUTHOR = { role: 'ncb', tenant: 'NCB-UTO', sub: 'clerk-1' };
const APPROVER = { ...AUTHOR, sub: 'clerk-2' };
const OFFICER = { role: 'officer', tenant: 'BORDER-D', site: 'FRA/7' };
const OTHER_BUREAU = { role: 'ncb', tenant: 'NCB-D' };
const specimen = (): Uint8Array<ArrayBuffer> => writeZip(specimenFiles());

/** Members of the answers that are looked at by name. */
interface Answer {
  items: {
    id: string;
    version: number;
    status: string;
    series?: object;
    type?: string;
    data?: object;
  }[];
  next?: string;
  errors?: object[];
}

describe.each(kinds)('cards on $name', ({ create }) => {
  let database: TestDatabase;
  let folder: string;
  let central: World;
  beforeEach(async () => {
    database = await create();
    folder = mkdtempSync(join(tmpdir(), 'sltd-cards-'));
    central = await centralWorld(database.db, { cardImages: new DirectoryStore(folder) });
  });
  afterEach(async () => {
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const send = async (
    claims: object,
    method: string,
    path: string,
    body?: object | Uint8Array<ArrayBuffer>,
  ) => {
    const isZip = body instanceof Uint8Array;
    return central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${await directToken(claims)}`,
        ...(body ? { 'content-type': isZip ? 'application/zip' : 'application/json' } : {}),
      },
      ...(body ? { body: isZip ? body : JSON.stringify(body) } : {}),
    });
  };
  const json = async (response: Promise<Response>) => {
    const answered = await response;
    return { http: answered.status, ...((await answered.json()) as Answer) };
  };
  const propose = (body: object | Uint8Array<ArrayBuffer>, claims: object = AUTHOR) =>
    json(send(claims, 'POST', '/v1/cards', body));
  const approve = (id: string, version: number, claims: object = APPROVER) =>
    json(send(claims, 'POST', `/v1/cards/${id}/versions/${version}/approval`));
  const read = (path: string, claims: object = OFFICER) => json(send(claims, 'GET', path));
  const published = async (card: object = specimenCard()) => {
    await propose(specimen());
    const { items } = await propose(cardsJson(card));
    const { id, version } = items[0]!;
    await approve(id, version);
    return id;
  };

  it('are read by others once a second person has approved', async () => {
    const { http, items } = await propose(specimen());
    const { id, version } = items[0]!;
    expect([http, version]).toEqual([201, 1]);
    expect(await read(`/v1/cards/${id}`)).toMatchObject({ http: 404, code: 'not-found' });
    expect((await read('/v1/cards')).items).toEqual([]);
    expect(await read(`/v1/cards/${id}`, AUTHOR)).toMatchObject({ status: 'proposed' });

    expect(await approve(id, 1, AUTHOR)).toMatchObject({ http: 403, code: 'second-person' });
    expect(await approve(id, 1, OTHER_BUREAU)).toMatchObject({ http: 404 });
    expect(await approve(id, 2)).toMatchObject({ http: 404 });
    expect(await approve(id, 1)).toMatchObject({ http: 200, status: 'published' });
    expect(await approve(id, 1)).toMatchObject({ http: 409, code: 'card-decided' });

    const seen = await read(`/v1/cards/${id}`);
    const { title } = specimenCard().texts.ar!;
    expect(seen).toMatchObject({ status: 'published', version: 1, texts: { ar: { title } } });
    expect(JSON.stringify(seen)).not.toContain('clerk-');
    expect(await read(`/v1/cards/${id}`, AUTHOR)).toMatchObject({
      ...{ author: 'clerk-1', approver: 'clerk-2' },
    });
    expect((await read('/v1/cards?state=UTO&class=passport')).items).toHaveLength(1);
    expect((await read('/v1/cards?state=D')).items).toEqual([]);
  });

  it('keep every version, and show the published one', async () => {
    const id = await published();
    const changed = specimenCard();
    changed.texts.en!.title = 'Changed';
    expect((await propose(cardsJson({ ...changed, id }))).items).toEqual([{ id, version: 2 }]);
    // Sent again it adds nothing.
    expect((await propose(cardsJson({ ...changed, id }))).items).toEqual([{ id, version: 2 }]);
    expect(await read(`/v1/cards/${id}`)).toMatchObject({ version: 1 });
    expect(await read(`/v1/cards/${id}/versions/2`, APPROVER)).toMatchObject({
      ...{ status: 'proposed', texts: { en: { title: 'Changed' } } },
    });
    expect(await read(`/v1/cards/${id}/versions`, OTHER_BUREAU)).toMatchObject({ http: 403 });
    await approve(id, 2);
    expect(await read(`/v1/cards/${id}`)).toMatchObject({ version: 2 });
    const first = await read(`/v1/cards/${id}/versions?limit=1`, AUTHOR);
    const rest = await read(`/v1/cards/${id}/versions?cursor=${first.next}`, AUTHOR);
    const statuses = [...first.items, ...rest.items].map(({ status }) => status);
    expect(statuses).toEqual(['replaced', 'published']);
  });

  it('are taken away by one person, and come back by two', async () => {
    const id = await published();
    const path = `/v1/cards/${id}/withdrawal`;
    expect(await json(send(OTHER_BUREAU, 'POST', path, { reason: 'x' }))).toMatchObject({
      http: 403,
    });
    await send(AUTHOR, 'POST', path, { reason: 'The second image is wrong.' });
    expect(await read(`/v1/cards/${id}`)).toMatchObject({ http: 404 });
    expect(await read(`/v1/cards/${id}`, AUTHOR)).toMatchObject({ status: 'withdrawn' });
    expect(await approve(id, 1)).toMatchObject({ code: 'card-decided' });
    await propose(specimen());
    expect(await approve(id, 2)).toMatchObject({ status: 'published', version: 2 });
  });

  describe('tell every bureau', () => {
    const subscribe = (claims: object, types?: string[]) =>
      send(claims, 'POST', '/v1/endpoints', {
        ...{ url: 'https://ncb.example/', ...(types && { types }) },
      });
    const told = async (claims: object) =>
      (await read('/v1/notifications', claims)).items.map(({ type, data }) => ({ type, data }));

    it('of each publication and withdrawal once, and of nothing that the card says', async () => {
      await subscribe(OTHER_BUREAU);
      await subscribe(OTHER_BUREAU, ['card.published']);
      await subscribe({ role: 'ncb', tenant: 'NCB-FRA' }, ['case.opened']);
      const { items } = await propose(specimen());
      const { id } = items[0]!;
      await approve(id, 1, AUTHOR);
      expect(await told(OTHER_BUREAU)).toEqual([]);
      await approve(id, 1);
      await approve(id, 1);
      const data = { card: id, issuingState: 'UTO', documentClass: 'passport', version: 1 };
      expect(await told(OTHER_BUREAU)).toEqual([{ type: 'card.published', data }]);
      const underWay = () => database.db.selectFrom('deliveries').select('tenant').execute();
      expect(await underWay()).toEqual([{ tenant: 'NCB-D' }, { tenant: 'NCB-D' }]);

      const path = `/v1/cards/${id}/withdrawal`;
      await send(AUTHOR, 'POST', path, { reason: 'The second image is wrong.' });
      await send(AUTHOR, 'POST', path, { reason: 'Again.' });
      const all = await told(OTHER_BUREAU);
      expect(all.filter(({ type }) => type === 'card.withdrawn')).toEqual([
        { type: 'card.withdrawn', data },
      ]);
      expect([all.length, (await underWay()).length]).toEqual([2, 3]);
      // One whose endpoint takes other types, and one that has none, read it.
      for (const tenant of ['NCB-FRA', 'NCB-UTO']) {
        const types = (await told({ role: 'ncb', tenant })).map(({ type }) => type);
        expect(types.sort()).toEqual(['card.published', 'card.withdrawn']);
      }
      expect(await told({ role: 'ncb', tenant: 'BORDER-D' })).toEqual([]);
    });

    it('also after their endpoint was switched off for a while', async () => {
      await subscribe(OTHER_BUREAU);
      await database.db.updateTable('endpoints').set({ disabled_at: NOW_MS }).execute();
      await published();
      expect(await told(OTHER_BUREAU)).toMatchObject([{ type: 'card.published' }]);
      expect(await database.db.selectFrom('deliveries').selectAll().execute()).toEqual([]);
      const { id } = await database.db
        .selectFrom('endpoints')
        .select('id')
        .executeTakeFirstOrThrow();
      const since = new Date(NOW_MS).toISOString();
      const replay = await send(OTHER_BUREAU, 'POST', `/v1/endpoints/${id}/replay`, { since });
      expect(await replay.json()).toEqual({ replayedCount: 1 });
    });

    it('or are not published', async () => {
      await subscribe(OTHER_BUREAU);
      const { items } = await propose(specimen());
      const { id } = items[0]!;
      await database.db.schema.dropTable('deliveries').execute();
      expect((await approve(id, 1)).http).toBeGreaterThanOrEqual(500);
      expect(await read(`/v1/cards/${id}`)).toMatchObject({ http: 404 });
      expect(await told(OTHER_BUREAU)).toEqual([]);
    });
  });

  it('are written by the bureau of their state alone', async () => {
    for (const claims of [OTHER_BUREAU, OFFICER, { ...AUTHOR, role: 'data-operator' }]) {
      expect(await propose(specimen(), claims)).toMatchObject({ http: 403, code: 'forbidden' });
    }
    const id = await published();
    const stolen = { ...specimenCard(), id, issuingState: 'D', images: [] };
    expect(await propose(cardsJson(stolen), OTHER_BUREAU)).toMatchObject({ http: 403 });
    expect(await read(`/v1/cards/${id}`)).toMatchObject({ version: 1, issuingState: 'UTO' });
  });

  it('go out as the bundle that comes in', async () => {
    const id = await published();
    const response = await send(OFFICER, 'GET', `/v1/cards/${id}/bundle`);
    expect(response.headers.get('content-type')).toBe('application/zip');
    const bytes = new Uint8Array(await response.arrayBuffer());
    const { cards, images } = await readBundle(bytes);
    expect(cards).toEqual(cardsJson(specimenCard()));
    expect(images.size).toBe(2);
    expect((await propose(bytes)).items).toEqual([{ id, version: 1 }]);
  });

  it('show their images to whoever reads them, whole or not at all', async () => {
    const id = await published();
    const { sha256 } = specimenCard().images[0]!;
    const path = `/v1/cards/${id}/images/${sha256}`;
    const response = await send(OFFICER, 'GET', path);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(readdirSync(join(folder, 'images'))).toHaveLength(2);
    expect(await read(`/v1/cards/${id}/images/${'0'.repeat(64)}`)).toMatchObject({ http: 404 });
    writeFileSync(join(folder, 'images', sha256), bytes.fill(0, 50, 60));
    expect(await read(path)).toMatchObject({ http: 503, code: 'store-unavailable' });
  });

  it('are found for the record of a hit, by class, series and day of issue', async () => {
    const { db } = database;
    const listed = record({ number: 'L898902C3' });
    await loadRecords(db, stream([listed]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    const { id: recordId } = await db.selectFrom('records').select('id').executeTakeFirstOrThrow();
    await published();
    const { id: _, ...card } = specimenCard();
    const others = [
      { ...card, series: { from: 'L898902C0', to: 'L898902C9' } },
      { ...card, series: { from: 'L0', to: 'L9' } },
      { ...card, series: { prefix: 'M' } },
      { ...card, documentClass: 'visa' },
    ];
    const { items } = await propose(cardsJson(...others));
    for (const { id } of items) await approve(id, 1);
    const found = await read(`/v1/records/${recordId}/cards`);
    const series = found.items.map((item) => JSON.stringify(item.series));
    expect(series.sort()).toEqual(
      [{ from: 'L898902C0', to: 'L898902C9' }, { prefix: 'L' }].map((one) => JSON.stringify(one)),
    );
    const first = await read(`/v1/records/${recordId}/cards?limit=1`);
    const rest = await read(`/v1/records/${recordId}/cards?cursor=${first.next}`);
    expect(rest.items).toHaveLength(1);
    expect(rest.next).toBeUndefined();
  });

  it('are listed a page at a time, each once, whatever order the database has', async () => {
    const { db } = database;
    // Of the language of a country, as a database of PostgreSQL usually is: "a" before "B".
    if (isPostgres(db)) {
      await sql`alter table cards alter column id type text collate "en-x-icu"`.execute(db);
    }
    const listed = record({ number: 'L898902C3' });
    await loadRecords(db, stream([listed]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    const { id: recordId } = await db.selectFrom('records').select('id').executeTakeFirstOrThrow();
    await propose(specimen());
    const { id: _, ...card } = specimenCard();
    const { items } = await propose(cardsJson(...Array.from({ length: 20 }, () => card)));
    for (const { id } of items) await approve(id, 1);
    const seen: string[] = [];
    let page = await read(`/v1/records/${recordId}/cards?limit=3`);
    while (page.items.length > 0) {
      seen.push(...page.items.map(({ id }) => id));
      if (page.next === undefined) break;
      page = await read(`/v1/records/${recordId}/cards?limit=3&cursor=${page.next}`);
    }
    expect(seen.sort()).toEqual(items.map(({ id }) => id).sort());
  });

  it('are refused with their images', async () => {
    const [, ...images] = specimenFiles();
    const missing = { ...specimenCard().images[0], sha256: '0'.repeat(64) };
    const { id: _, ...card } = specimenCard();
    const refused = { ...card, images: [...card.images, missing] };
    const answer = await propose(bundleOf([card, refused], ...images));
    expect(answer).toMatchObject({ http: 422, code: 'request-invalid' });
    const kept = () => readdirSync(folder, { recursive: true, withFileTypes: true });
    expect(kept().filter((entry) => entry.isFile())).toEqual([]);
    expect((await read('/v1/cards', AUTHOR)).items).toEqual([]);
    expect(await propose(bundleOf([card], ...images))).toMatchObject({ http: 201 });
    expect(kept().filter((entry) => entry.isFile())).toHaveLength(images.length);
  });

  it('are refused with a path and a code, and nothing of them is kept', async () => {
    await propose(specimen());
    const wrong: [object, string, string][] = [
      [{ texts: { ...specimenCard().texts, ar: undefined } }, 'texts.ar', 'field-missing'],
      [{ canary: 1 }, '', 'field-unknown'],
      [{ series: { from: 'L9', to: 'L1' } }, 'series', 'field-invalid'],
      [{ issuedTo: '2014-12-31' }, 'issuedTo', 'date-invalid'],
      [{ issuedTo: '2026-02-30' }, 'issuedTo', 'field-invalid'],
      [
        { images: [{ ...specimenCard().images[0], sha256: '0'.repeat(64) }] },
        'images.0.sha256',
        'field-invalid',
      ],
    ];
    for (const [change, path, code] of wrong) {
      const { id: _, ...card } = specimenCard();
      const answer = await propose(cardsJson({ ...card, ...change }));
      const field = path === '' ? 'cards.0' : `cards.0.${path}`;
      expect(answer).toMatchObject({ http: 422, code: 'request-invalid' });
      expect(answer.errors).toContainEqual({ field, code });
      expect(JSON.stringify(answer)).not.toContain('canary');
    }
    const fewer = specimenCard();
    fewer.texts.fr!.lookAt.pop();
    expect(await propose(cardsJson(fewer))).toMatchObject({ code: 'request-invalid' });
    expect((await read('/v1/cards', AUTHOR)).items).toHaveLength(1);
  });
});
