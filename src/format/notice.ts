/**
 * Notices: the color of the one that a document belongs to, and how its holder is to be handled.
 *
 * The colors are those of INTERPOL's notices and the special one for the United Nations Security
 * Council. Only central knows the color of a record: pages have no bits for it.
 */

export const NOTICE_COLORS = [
  ...['red', 'yellow', 'blue', 'black', 'green', 'orange', 'purple', 'silver'],
  'un-special',
] as const;

export type NoticeColor = (typeof NOTICE_COLORS)[number];

/** The collection whose documents belong to notices. */
const NOTICE_COLLECTION = 'tdawn';

/**
 * Notices that ask for information about a person who is not to learn of it: blue seeks where
 * somebody is and what he does, green warns of somebody, purple tells of ways to commit crimes.
 */
const DISCREET: ReadonlySet<NoticeColor> = new Set(['blue', 'green', 'purple']);

/** How the holder is to be handled, undefined if in no special way. What has no color yet may ask for it. */
export function handlingOf(
  collection: string,
  color: NoticeColor | undefined,
): 'discreet' | undefined {
  const isDiscreet = color === undefined ? collection === NOTICE_COLLECTION : DISCREET.has(color);
  return isDiscreet ? 'discreet' : undefined;
}

/** The color that a word names, in any case; undefined if it is none. */
export function parseNoticeColor(text: string): NoticeColor | undefined {
  const word = text.trim().toLowerCase();
  return NOTICE_COLORS.find((color) => color === word);
}
