/**
 * A card as a page, for whoever holds its link: no token, no script.
 *
 *     GET /cards/:link                   ?lang=en|fr|es|ar
 *     GET /cards/:link/images/:sha256
 *
 * The link says to which card and for whom it was made; a card that is no longer published is not
 * shown by any link. docs/api.md, "Cards".
 */

import { SltdError } from '../../src/errors.ts';
import type { RouteModule } from '../http/route-module.ts';
import type { LANGUAGES } from './card-content.ts';
import { cardPage, LANGUAGE_NAMES, PAGE_POLICY } from './card-page.ts';
import { type CardRow, contentOf, findCard } from './find-cards.ts';
import { readImage } from './images.ts';

type Language = (typeof LANGUAGES)[number];

/** Adds the addresses above. */
export const addCardPages: RouteModule = (app, { db, cardLinks, cardImages: store }) => {
  const opened = async (link: string): Promise<CardRow> => {
    const { card, tenant, role } = await cardLinks.open(link);
    const row = await findCard(db, card, { role, tenant });
    if (row.published_version === null) throw new SltdError('not-found');
    return row;
  };

  app.get('/cards/:link', async (c) => {
    const row = await opened(c.req.param('link'));
    const page = cardPage(row, {
      language: languageOf(c.req.query('lang')),
      link: c.req.param('link'),
    });
    return c.html(page, 200, {
      'content-security-policy': PAGE_POLICY,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  });

  app.get('/cards/:link/images/:sha256', async (c) => {
    const row = await opened(c.req.param('link'));
    const image = contentOf(row).images.find(({ sha256 }) => sha256 === c.req.param('sha256'));
    if (!image) throw new SltdError('not-found');
    return c.body(await readImage(store, image), 200, {
      'content-type': image.mediaType,
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
  });
};

const languageOf = (text: string | undefined): Language =>
  text !== undefined && Object.hasOwn(LANGUAGE_NAMES, text) ? (text as Language) : 'en';
