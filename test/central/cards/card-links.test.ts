/** Cards in central's answers, and the page behind their link: the right ones, and for whom they are. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeZip } from '../../../central/cards/write-zip.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { DirectoryStore } from '../../../publish/directory-store.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, edgeToken, question, type World } from '../world.ts';
import { cardsJson, specimenCard, specimenFiles } from './card-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const AUTHOR = { role: 'ncb', tenant: 'NCB-UTO', sub: 'clerk-1' };
const APPROVER = { ...AUTHOR, sub: 'clerk-2' };
const PUBLIC_URL = 'https://central.example';
const LISTED = 'PUTOL898902C3';
const LOOK_ALIKE = 'PUTO1898902C3';
const MINUTE_MS = 60_000;

describe.each(kinds)('links to cards on $name', ({ create }) => {
  let database: TestDatabase;
  let folder: string;
  let central: World;
  let nowMs: number;
  beforeEach(async () => {
    database = await create();
    folder = mkdtempSync(join(tmpdir(), 'sltd-card-links-'));
    nowMs = NOW_MS;
    central = await centralWorld(database.db, {
      cardImages: new DirectoryStore(folder),
      publicUrl: PUBLIC_URL,
      clock: () => nowMs,
    });
    const listed = record({ number: 'L898902C3', dateOfIssue: '2020-04-16' });
    await loadRecords(database.db, stream([listed]), { asOf: AS_OF_MS, clock: () => NOW_MS });
  });
  afterEach(async () => {
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const post = async (
    claims: object,
    path: string,
    body: object | Uint8Array<ArrayBuffer> = {},
  ) => {
    const isZip = body instanceof Uint8Array;
    const response = await central.request(path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await directToken(claims)}`,
        'content-type': isZip ? 'application/zip' : 'application/json',
      },
      body: isZip ? body : JSON.stringify(body),
    });
    return (await response.json()) as { items: { id: string; version: number }[] };
  };
  const publish = async (body: object | Uint8Array<ArrayBuffer>) => {
    const { items } = await post(AUTHOR, '/v1/cards', body);
    for (const { id, version } of items) {
      await post(APPROVER, `/v1/cards/${id}/versions/${version}/approval`);
    }
    return items.map(({ id }) => id);
  };
  const specimen = () => publish(writeZip(specimenFiles()));
  const confirm = async (keys: string[], exact: number[] = [0], claims: object = {}) =>
    central.confirm(
      question(keys, { encounter: { exact } }),
      await edgeToken({ nowMs, ...claims }),
    );
  const linkOf = async (claims: object = {}) => {
    const { cards } = await confirm([LISTED], [0], claims);
    return cards![0]!.href!.replace(PUBLIC_URL, '');
  };
  const status = async (path: string) => (await central.request(path)).status;

  it('name the cards of class, series and day of issue, those of a series first', async () => {
    const [inSeries] = await specimen();
    const { id: _, series: __, ...card } = specimenCard();
    const [general] = await publish(
      cardsJson(
        { ...card, images: [] },
        { ...card, series: { prefix: 'M' } },
        { ...card, documentClass: 'visa' },
        { ...card, issuedFrom: '2021-01-01' },
        { ...card, issuedFrom: undefined, issuedTo: '2020-04-15' },
      ),
    );
    const { results, cards } = await confirm([LISTED]);
    expect(cards!.map(({ id }) => id)).toEqual([inSeries, general]);
    expect(results[0]!.cards).toEqual([0, 1]);
    const { titles, href } = cards![0]!;
    expect(titles.ar).toBe(specimenCard().texts.ar!.title);
    expect(href).toMatch(/^https:\/\/central\.example\/cards\/[\w.-]+$/);
    expect(Buffer.from(href!.split('.')[2]!, 'base64url').toString()).not.toContain('L898902C3');
  });

  it('are of what was read as well where a look-alike is listed, and of nothing where nothing is', async () => {
    const [inSeries] = await specimen();
    const { id: _, ...card } = specimenCard();
    const [asRead] = await publish(cardsJson({ ...card, series: { prefix: '1' }, images: [] }));
    const { results, cards } = await confirm([LOOK_ALIKE, LISTED]);
    expect(results.map((result) => result.cards?.map((place) => cards![place]!.id))).toEqual([
      [asRead],
      [inSeries],
    ]);
    const nothing = await confirm([LOOK_ALIKE]);
    expect([nothing.cards, nothing.results[0]!.cards]).toEqual([undefined, undefined]);
  });

  it('are for officers and bureaus alone', async () => {
    await specimen();
    for (const role of ['carrier', 'integrator', 'data-operator', 'auditor']) {
      const { results, cards } = await confirm([LISTED], [0], { role });
      expect([results[0]!.listed, cards]).toEqual([true, undefined]);
    }
    expect((await confirm([LISTED], [0], { role: 'ncb' })).cards).toHaveLength(1);
  });

  it('open the card as a page in four languages, with its images and no script', async () => {
    await specimen();
    const path = await linkOf();
    for (const [language, { title, lookAt }] of Object.entries(specimenCard().texts)) {
      const response = await central.request(`${path}?lang=${language}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('referrer-policy')).toBe('no-referrer');
      const page = await response.text();
      expect(page).toContain(`<h1>${title}</h1>`);
      expect(page).toContain(`lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}"`);
      expect(page).toContain(lookAt[0]!);
      expect(page).not.toMatch(/<script|clerk-/);
      const [, src] = /<img src="([^"]+)"/.exec(page)!;
      const image = await central.request(src!);
      expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png']);
    }
    expect(await status(`${path}/images/${'0'.repeat(64)}`)).toBe(404);
  });

  it('show no text of a bureau as markup', async () => {
    const { id: _, ...card } = specimenCard();
    card.texts.en!.title = `<b onclick="x">'&`;
    await publish(cardsJson({ ...card, images: [] }));
    const page = await (await central.request(await linkOf())).text();
    expect(page).toContain('&#60;b onclick=&#34;x&#34;&#62;&#39;&#38;');
    expect(page).not.toContain('<b onclick');
  });

  it('end after an hour at most, with the card, and by any change', async () => {
    const [id] = await specimen();
    const path = await linkOf();
    nowMs += 29 * MINUTE_MS;
    expect(await status(path)).toBe(200);
    nowMs += 31 * MINUTE_MS;
    expect(await status(path)).toBe(404);
    const renewed = await linkOf();
    expect(await status(renewed)).toBe(200);
    const [header, claims, signature] = renewed.slice('/cards/'.length).split('.');
    const other = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...other, role: 'ncb' })).toString('base64url');
    expect(await status(`/cards/${header}.${forged}.${signature}`)).toBe(404);
    // Another thing that central has signed is no link.
    const asked = await central.ask(question([LISTED]), await edgeToken({ nowMs }));
    const { answer } = (await asked.json()) as { answer: string };
    expect(await status(`/cards/${answer}`)).toBe(404);
    await post(AUTHOR, `/v1/cards/${id}/withdrawal`, { reason: 'An image is wrong.' });
    expect(await status(renewed)).toBe(404);
    // Also to the bureau that keeps it: a link shows what is published.
    nowMs += MINUTE_MS;
    expect((await confirm([LISTED])).cards).toBeUndefined();
  });

  it('are left out where central does not know its own address', async () => {
    const [id] = await specimen();
    const alone = await centralWorld(database.db, { cardImages: new DirectoryStore(folder) });
    const { cards } = await alone.confirm(question([LISTED], { encounter: { exact: [0] } }));
    expect(cards).toMatchObject([{ id }]);
    expect(cards![0]).not.toHaveProperty('href');
  });
});
