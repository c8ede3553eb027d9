/**
 * What a load overwrites, as the history of a record keeps it: for each field that differs its value
 * before, in the words and the JSON of a bureau's correction.
 *
 * Built in SQL, since a load reads no record by itself. `r` is the record, `l` its row of the export.
 */

import { type RawBuilder, sql } from 'kysely';
import type { CORRECTABLE } from '../records/record-row.ts';
import { differs } from './keep-changes.ts';

type Correctable = (typeof CORRECTABLE)[number];

/** Fields by column, as central's answers call them; the ends of a range are one field. */
const FIELDS: Readonly<Record<Exclude<Correctable, 'blank_from' | 'blank_to'>, string>> = {
  number_as_reported: 'documentNumber',
  date_of_theft: 'dateOfTheft',
  place_of_theft: 'placeOfTheft',
  country_of_theft: 'countryOfTheft',
  date_of_issue: 'dateOfIssue',
  date_of_expiry: 'dateOfExpiry',
  notice_color: 'noticeColor',
  owner_ncb: 'ncb',
  reported_at: 'reportedAt',
};

/** JSON text of the fields that the load changes; null where it changes none. */
export function changedFields({ isPostgres }: { isPostgres: boolean }): RawBuilder<unknown> {
  const json = (name: string) => {
    const column = sql`r.${sql.ref(name)}`;
    return isPostgres
      ? sql`coalesce(to_json(${column})::text, 'null')`
      : sql`json_quote(${column})`;
  };
  /** A member, and a comma before it. */
  const member = (name: string, { when, value }: Record<'when' | 'value', RawBuilder<unknown>>) =>
    sql`case when ${when} then ${sql.lit(`,"${name}":`)} || ${value} else '' end`;
  const members = [
    ...Object.entries(FIELDS).map(([column, name]) =>
      member(name, { when: differs(column), value: json(column) }),
    ),
    member('blankRange', {
      when: sql`${differs('blank_from')} or ${differs('blank_to')}`,
      value: sql`case when r.blank_from is null or r.blank_to is null then 'null'
        else '{"from":' || ${json('blank_from')} || ',"to":' || ${json('blank_to')} || '}' end`,
    }),
    // The review of a record that is listed again is over.
    member('reviewDate', {
      when: sql`r.withdrawn_at is not null and r.review_date is not null`,
      value: json('review_date'),
    }),
  ];
  return sql`'{' || substr(nullif(${sql.join(members, sql` || `)}, ''), 2) || '}'`;
}
