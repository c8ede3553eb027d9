/**
 * A card as one HTML page in one of its languages, with the others a click away.
 *
 * Server-rendered, no script, images by the same link; prints as it is. Every text is a bureau's and
 * is escaped.
 */

import { createHash } from 'node:crypto';
import { escapeHtml } from '../http/escape-html.ts';
import { isoTime } from '../http/iso-time.ts';
import type { CardContent, LANGUAGES } from './card-content.ts';
import { type CardRow, contentOf } from './find-cards.ts';

type Language = (typeof LANGUAGES)[number];

/** Languages as they call themselves. */
export const LANGUAGE_NAMES: Record<Language, string> = {
  en: 'English',
  fr: 'Français',
  es: 'Español',
  ar: 'العربية',
};

const WORDS: Record<Language, Record<'lookAt' | 'forgeries' | 'approved' | 'version', string>> = {
  en: {
    lookAt: 'What to look at',
    forgeries: 'Known forgeries',
    approved: 'Written and approved by two persons of',
    version: 'version',
  },
  fr: {
    lookAt: 'Points à examiner',
    forgeries: 'Falsifications connues',
    approved: 'Rédigée et approuvée par deux personnes de',
    version: 'version',
  },
  es: {
    lookAt: 'Qué examinar',
    forgeries: 'Falsificaciones conocidas',
    approved: 'Redactada y aprobada por dos personas de',
    version: 'versión',
  },
  ar: {
    lookAt: 'ما ينبغي فحصه',
    forgeries: 'تزويرات معروفة',
    approved: 'كتبها واعتمدها شخصان من',
    version: 'الإصدار',
  },
};

const STYLE = `:root{color-scheme:light dark}body{font:17px/1.5 system-ui,sans-serif;
max-width:50rem;margin:1.5rem auto;padding:0 1rem}nav a{margin-inline-end:1rem}
h1{line-height:1.2}li{margin-block:.4rem}figure{margin:1rem 0}
img{max-width:100%;height:auto;border:1px solid}footer{margin-block-start:2rem;font-size:.9rem}`;

/** What the page may load: its own style, and images of this origin. */
export const PAGE_POLICY = `default-src 'none'; img-src 'self' data:; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** The page. */
export function cardPage(
  row: CardRow,
  { language, link }: { language: Language; link: string },
): string {
  const content = contentOf(row);
  const { title, lookAt, forgeries } = content.texts[language];
  const words = WORDS[language];
  const approvedAt = row.approved_at === null ? '' : `, ${isoTime(row.approved_at)}`;
  return `<!doctype html>
<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><link rel="icon" href="data:,">
<style>${STYLE}</style></head><body>
<nav>${languageLinks(language, link)}</nav><main>
<h1>${escapeHtml(title)}</h1>
<p dir="ltr">${scopeOf(content)}</p>
${section(words.lookAt, lookAt)}${section(words.forgeries, forgeries)}
${content.images.map((image) => figure(image, language, link)).join('\n')}
</main><footer>${words.approved} <bdi>NCB-${row.state}</bdi>${approvedAt}, ${words.version} ${row.version}</footer>
</body></html>
`;
}

const languageLinks = (shown: Language, link: string): string =>
  (Object.entries(LANGUAGE_NAMES) as [Language, string][])
    .filter(([language]) => language !== shown)
    .map(
      ([language, name]) =>
        `<a lang="${language}" href="/cards/${link}?lang=${language}">${name}</a>`,
    )
    .join(' ');

/** To which documents the card applies, in codes: UTO passport L… 2015-01-01 –. */
function scopeOf({
  issuingState,
  documentClass,
  series,
  issuedFrom,
  issuedTo,
}: CardContent): string {
  const numbers =
    series && ('prefix' in series ? `${series.prefix}…` : `${series.from} – ${series.to}`);
  const dates =
    issuedFrom || issuedTo ? `${issuedFrom ?? ''} – ${issuedTo ?? ''}`.trim() : undefined;
  return [issuingState, documentClass, numbers, dates].filter(Boolean).join(' · ');
}

const section = (title: string, points: readonly string[]): string =>
  points.length === 0
    ? ''
    : `<h2>${title}</h2><ul>${points.map((point) => `<li>${escapeHtml(point)}</li>`).join('')}</ul>`;

function figure(
  { sha256, captions }: CardContent['images'][number],
  language: Language,
  link: string,
): string {
  const caption = escapeHtml(captions[language]);
  return `<figure><img src="/cards/${link}/images/${sha256}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`;
}
