/**
 * Quick Check Cards over HTTP: what to look at on a document, and which forgeries are known.
 *
 *     GET  /v1/cards                                   ?state= ?class=
 *     POST /v1/cards                                   a bundle of proposals: zip, or its JSON alone
 *     GET  /v1/cards/:id
 *     GET  /v1/cards/:id/bundle                        the card as a zip that POST takes
 *     GET  /v1/cards/:id/images/:sha256
 *     GET  /v1/cards/:id/versions                      for its bureau
 *     GET  /v1/cards/:id/versions/:version
 *     POST /v1/cards/:id/versions/:version/approval    by a second person
 *     POST /v1/cards/:id/withdrawal
 *     GET  /v1/records/:id/cards                       those that apply to a hit
 *
 * Officers and bureaus of every state read; forgers must not, so nobody else does. Only the issuing
 * state's bureau writes. docs/api.md, "Cards".
 */

import * as v from 'valibot';
import { DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import { SltdError } from '../../src/errors.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { idOf, Version } from '../http/forms.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import { parseJson, readBytes, readJsonAs, readJsonBytes } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { findRecord } from '../records/find-records.ts';
import { Reason } from '../records/texts.ts';
import { type CardContent, parseCards } from './card-content.ts';
import { CARD_READERS } from './card-links.ts';
import { approveVersion, withdrawCard } from './decide-card.ts';
import {
  type CardRow,
  cardsOfRecord,
  contentOf,
  findCard,
  isOwner,
  listCards,
  listVersions,
} from './find-cards.ts';
import { IMAGE_SUFFIX } from './image-type.ts';
import { readImage } from './images.ts';
import { proposeCards } from './propose-cards.ts';
import { BUNDLE_BYTES_MAX, type Bundle, CARDS_NAME, readBundle } from './read-bundle.ts';
import { bundleCards, cardSummary, cardView, versionView } from './views.ts';
import { writeZip, type ZipFile } from './write-zip.ts';

const WithdrawalSchema = v.strictObject({ reason: Reason });
const FilterSchema = v.object({
  state: v.optional(v.pipe(v.string(), v.regex(/^[A-Z]{1,3}$/))),
  class: v.optional(v.picklist(DOCUMENT_CLASSES)),
});
const VERSION = /^[1-9]\d{0,8}$/;
/** Saved, never shown in the page's own name. */
const FROM_STRANGERS = {
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
};

/** Adds the addresses above. */
export const addCardRoutes: RouteModule = (app, { db, clock, callerOf, cardImages: store }) => {
  const readerOf = async (c: CentralContext): Promise<Caller> => {
    const caller = await callerOf(c);
    if (!CARD_READERS.includes(caller.role)) throw new SltdError('forbidden');
    return caller;
  };
  const open = async (c: CentralContext) => {
    const caller = await readerOf(c);
    const row = await findCard(db, idOf(c), caller);
    return { caller, row, withNames: isOwner(caller, row.state) };
  };
  /** The same for who keeps the card. */
  const openOwn = async (c: CentralContext) => {
    const opened = await open(c);
    if (!opened.withNames) throw new SltdError('forbidden');
    return opened;
  };
  const positionOf = ({ created_at, id }: CardRow) => [created_at, id];

  app.get('/v1/cards', async (c) => {
    const caller = await readerOf(c);
    const request = pageRequest(c, TimePosition);
    const filter = v.safeParse(FilterSchema, c.req.query());
    if (!filter.success) throw new SltdError('request-invalid');
    const { state, class: documentClass } = filter.output;
    const rows = await listCards(db, caller, { ...request, state, documentClass });
    return c.json(pageOf(rows, request, { view: cardSummary, positionOf }));
  });

  app.post('/v1/cards', async (c) => {
    const caller = await readerOf(c);
    if (caller.role !== 'ncb') throw new SltdError('forbidden');
    const bundle = await readBody(c.req.raw);
    const cards = parseCards(bundle.cards);
    const options = { db, store, caller, nowMs: clock() };
    const items = await proposeCards(cards, bundle.images, options);
    return c.json({ items }, 201);
  });

  app.get('/v1/cards/:id', async (c) => {
    const { row, withNames } = await open(c);
    return c.json(cardView(row, { withNames }));
  });

  app.get('/v1/cards/:id/bundle', async (c) => {
    const { row } = await open(c);
    const files: ZipFile[] = [
      { name: CARDS_NAME, bytes: Buffer.from(JSON.stringify(bundleCards(row), undefined, 2)) },
    ];
    const images = new Map(contentOf(row).images.map((image) => [image.sha256, image]));
    for (const image of images.values()) {
      const name = `images/${fileName(image)}`;
      files.push({ name, bytes: await readImage(store, image) });
    }
    return c.body(writeZip(files), 200, {
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="card-${row.id}-${row.version}.zip"`,
      ...FROM_STRANGERS,
    });
  });

  app.get('/v1/cards/:id/images/:sha256', async (c) => {
    const { row, withNames } = await open(c);
    const sha256 = c.req.param('sha256') ?? '';
    // A bureau also looks at what is proposed beside the published version.
    const contents = withNames ? await versionsOf(row.id) : [contentOf(row)];
    const image = contents.flatMap(({ images }) => images).find((one) => one.sha256 === sha256);
    if (!image) throw new SltdError('not-found');
    return c.body(await readImage(store, image), 200, {
      'content-type': image.mediaType,
      'content-disposition': `attachment; filename="${fileName(image)}"`,
      ...FROM_STRANGERS,
    });
  });
  const versionsOf = async (id: string): Promise<CardContent[]> => {
    const rows = await db
      .selectFrom('card_versions')
      .select('content')
      .where('card_id', '=', id)
      .execute();
    return rows.map(contentOf);
  };

  app.get('/v1/cards/:id/versions', async (c) => {
    const { row } = await openOwn(c);
    const request = pageRequest(c, Version);
    const rows = await listVersions(db, row.id, request);
    const decided = { publishedVersion: row.published_version, withNames: true };
    return c.json(
      pageOf(rows, request, {
        view: (version) => versionView(version, decided),
        positionOf: ({ version }) => version,
      }),
    );
  });

  app.get('/v1/cards/:id/versions/:version', async (c) => {
    const { row } = await openOwn(c);
    const version = versionOf(c);
    const [found] = await listVersions(db, row.id, { limit: 0, after: version - 1 });
    if (found?.version !== version) throw new SltdError('not-found');
    return c.json(cardView({ ...row, ...found }, { withNames: true }));
  });

  app.post('/v1/cards/:id/versions/:version/approval', async (c) => {
    const { caller, row } = await openOwn(c);
    const change = { db, caller, nowMs: clock() };
    await approveVersion({ id: row.id, version: versionOf(c) }, change);
    return c.json(cardView(await findCard(db, row.id, caller), { withNames: true }));
  });

  app.post('/v1/cards/:id/withdrawal', async (c) => {
    const { caller, row } = await openOwn(c);
    const { reason } = await readJsonAs(c.req.raw, WithdrawalSchema);
    await withdrawCard({ id: row.id, reason }, { db, caller, nowMs: clock() });
    return c.json({ id: row.id, status: 'withdrawn' });
  });

  app.get('/v1/records/:id/cards', async (c) => {
    const caller = await readerOf(c);
    const request = pageRequest(c, TimePosition);
    const record = await findRecord(db, idOf(c), caller);
    if (!record) throw new SltdError('not-found');
    const rows = await cardsOfRecord(db, record, request);
    return c.json(pageOf(rows, request, { view: cardSummary, positionOf }));
  });
};

/** A bundle, or the cards alone where all images are known; 'content-type' on anything else. */
async function readBody(request: Request): Promise<Bundle> {
  const type = request.headers.get('content-type') ?? '';
  if (/^application\/zip\s*(;|$)/i.test(type)) {
    return readBundle(await readBytes(request, BUNDLE_BYTES_MAX));
  }
  return { cards: parseJson(await readJsonBytes(request)), images: new Map() };
}

function versionOf(c: CentralContext): number {
  const text = c.req.param('version') ?? '';
  if (!VERSION.test(text)) throw new SltdError('not-found');
  return Number(text);
}

const fileName = ({ sha256, mediaType }: CardContent['images'][number]): string =>
  `${sha256}.${IMAGE_SUFFIX[mediaType]}`;
