/**
 * Cards as a caller finds them: what is published, and for the issuing state's bureau also what is
 * only proposed. To everyone else a proposal is not found.
 */

import type { DocumentClass } from '../../src/document/document-class.ts';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { bureauOf, type Caller } from '../http/caller.ts';
import type { PageRequest, TimePosition } from '../http/page.ts';
import type { RecordRow } from '../records/tables.ts';
import { type CardContent, fits } from './card-content.ts';
import type { CardsTable, CardVersionsTable } from './tables.ts';

/** A card with one of its versions: the published one, or the newest where none is. */
export type CardRow = CardsTable & CardVersionsTable;

/** Which cards a list has. */
export interface CardFilter {
  state: string | undefined;
  documentClass: DocumentClass | undefined;
}

/** True if the caller may propose, approve and withdraw this state's cards. */
export const isOwner = (
  { role, tenant }: Pick<Caller, 'role' | 'tenant'>,
  state: string,
): boolean => role === 'ncb' && tenant === bureauOf(state);

/** The card as the caller sees it; 'not-found' if there is none for this caller. */
export async function findCard(
  db: CentralDatabase,
  id: string,
  caller: Pick<Caller, 'role' | 'tenant'>,
): Promise<CardRow> {
  const row = await cardQuery(db).where('cards.id', '=', id).executeTakeFirst();
  if (!row || (row.published_version === null && !isOwner(caller, row.state))) {
    throw new SltdError('not-found');
  }
  return row;
}

/** Cards in the order in which they came to be: one row more than the page has. */
export function listCards(
  db: CentralDatabase,
  caller: Caller,
  { limit, after, state, documentClass }: PageRequest<TimePosition> & CardFilter,
): Promise<CardRow[]> {
  const ownState = caller.role === 'ncb' ? stateOfBureau(caller.tenant) : undefined;
  let query = cardQuery(db).where((eb) =>
    eb.or([
      eb('published_version', 'is not', null),
      ...(ownState === undefined ? [] : [eb('state', '=', ownState)]),
    ]),
  );
  if (state !== undefined) query = query.where('state', '=', state);
  if (documentClass !== undefined) query = query.where('document_class', '=', documentClass);
  if (after) {
    query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(...after)));
  }
  return query
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** Published cards that apply to a record's document: one more than the page has, if there is. */
export async function cardsOfRecord(
  db: CentralDatabase,
  record: RecordRow,
  { limit, after }: PageRequest<TimePosition>,
): Promise<CardRow[]> {
  // A state has 500 at most: series and dates are compared here.
  const rows = await publishedCards(db, record.state);
  const subject = {
    ...{ classes: record.classes, number: record.number, dateOfIssue: record.date_of_issue },
  };
  const last = after && { created_at: after[0], id: after[1] };
  return rows
    .filter((row) => fits(contentOf(row), subject) && (!last || isAfter(row, last)))
    .slice(0, limit + 1);
}

/** What readers may see of a state's cards, in the order in which the cards came to be. */
export async function publishedCards(db: CentralDatabase, state: string): Promise<CardRow[]> {
  const rows = await cardQuery(db)
    .where('state', '=', state)
    .where('published_version', 'is not', null)
    .execute();
  // Pages are cut here, and a database may have another order of identifiers.
  return rows.sort((a, b) => (isAfter(a, b) ? 1 : -1));
}

/** Versions of a card, the oldest first: one row more than the page has. */
export function listVersions(
  db: CentralDatabase,
  id: string,
  { limit, after = 0 }: PageRequest<number>,
): Promise<CardVersionsTable[]> {
  return db
    .selectFrom('card_versions')
    .selectAll()
    .where('card_id', '=', id)
    .where('version', '>', after)
    .orderBy('version')
    .limit(limit + 1)
    .execute();
}

/** The content of a row, which was checked when it was written. */
export const contentOf = ({ content }: Pick<CardVersionsTable, 'content'>): CardContent =>
  JSON.parse(content) as CardContent;

type Place = Pick<CardRow, 'created_at' | 'id'>;
const isAfter = (row: Place, other: Place): boolean =>
  row.created_at > other.created_at || (row.created_at === other.created_at && row.id > other.id);

const cardQuery = (db: CentralDatabase) =>
  db
    .selectFrom('cards')
    .innerJoin('card_versions', (join) =>
      join
        .onRef('card_versions.card_id', '=', 'cards.id')
        .on((eb) =>
          eb(
            'card_versions.version',
            '=',
            eb.fn.coalesce('cards.published_version', 'cards.last_version'),
          ),
        ),
    )
    .selectAll();
