/**
 * Joint operations: made and changed by the bureau that leads them, seen by those that take part.
 *
 * The lead and the agencies of the posts see an operation; for everybody else there is none.
 */

import type { Selectable } from 'kysely';
import * as v from 'valibot';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { Time } from '../../src/format/forms.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { line } from '../http/forms.ts';
import { isoTime } from '../http/iso-time.ts';
import { newId } from '../http/new-id.ts';
import type { JointOperationPostsTable, JointOperationsTable } from './tables.ts';

const POSTS_MAX = 2_000;
const STATES_MAX = 250;
/** An operation of more than a year is a programme. */
const LENGTH_MAX_MS = 366 * 86_400_000;

const name = line(128);

/** Body of POST /v1/joint-operations and PUT /v1/joint-operations/:id. */
export const OperationSchema = v.strictObject({
  name,
  states: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(3))),
    v.minLength(1),
    v.maxLength(STATES_MAX),
  ),
  startsAt: Time,
  endsAt: Time,
  quota: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  posts: v.pipe(
    v.array(v.strictObject({ tenant: name, site: name })),
    v.minLength(1),
    v.maxLength(POSTS_MAX),
  ),
});

export type OperationBody = v.InferOutput<typeof OperationSchema>;
export type OperationRow = Selectable<JointOperationsTable>;
type Post = Pick<JointOperationPostsTable, 'tenant' | 'site'>;

/** An operation with its posts. */
export interface Operation extends OperationRow {
  posts: readonly Post[];
}

/** Make an operation; 'state-unknown' for a state, 'request-invalid' for its dates. */
export async function createOperation(
  db: CentralDatabase,
  body: OperationBody,
  { tenant, nowMs }: { tenant: string; nowMs: number },
): Promise<Operation> {
  const id = newId();
  const row = { id, lead_tenant: tenant, created_at: nowMs, version: 1, ...columnsOf(body) };
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('joint_operations').values(row).execute();
    await trx.insertInto('joint_operation_posts').values(postRows(id, body)).execute();
  });
  return { ...row, posts: body.posts };
}

/**
 * Change an operation of the caller's; checks that were counted stay counted. 'version-changed' if it is
 * not at that version any more.
 */
export async function replaceOperation(
  db: CentralDatabase,
  { version, ...operation }: Operation,
  body: OperationBody,
): Promise<Operation> {
  const { id } = operation;
  const columns = { ...columnsOf(body), version: version + 1 };
  await db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('joint_operations')
      .set(columns)
      .where('id', '=', id)
      .where('version', '=', version)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new SltdError('version-changed');
    await trx.deleteFrom('joint_operation_posts').where('operation_id', '=', id).execute();
    await trx.insertInto('joint_operation_posts').values(postRows(id, body)).execute();
  });
  return { ...operation, ...columns, posts: body.posts };
}

function columnsOf({ name: text, states, startsAt, endsAt, quota }: OperationBody) {
  const codes = states.map((state) => parseStateCode(state));
  if (codes.includes(undefined)) throw new SltdError('state-unknown');
  const startMs = Date.parse(startsAt);
  const endMs = Date.parse(endsAt);
  const isInOrder = endMs > startMs && endMs - startMs <= LENGTH_MAX_MS;
  if (!isInOrder) throw new SltdError('request-invalid');
  return {
    name: text,
    states: JSON.stringify([...new Set(codes)].sort()),
    starts_at: startMs,
    ends_at: endMs,
    quota: quota ?? null,
  };
}

function postRows(operationId: string, { posts }: OperationBody): JointOperationPostsTable[] {
  const unique = new Map(posts.map((post) => [JSON.stringify([post.tenant, post.site]), post]));
  return [...unique.values()].map((post) => ({ operation_id: operationId, ...post }));
}

/** The operation, if the tenant leads it or takes part; throws 'not-found' if not. */
export async function findOperation(
  db: CentralDatabase,
  id: string,
  tenant: string,
): Promise<Operation> {
  const row = await db
    .selectFrom('joint_operations')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  const posts = await db
    .selectFrom('joint_operation_posts')
    .select(['tenant', 'site'])
    .where('operation_id', '=', id)
    .orderBy('tenant')
    .orderBy('site')
    .execute();
  const isSeen = row?.lead_tenant === tenant || posts.some((post) => post.tenant === tenant);
  if (!row || !isSeen) throw new SltdError('not-found');
  return { ...row, posts };
}

/** Operations that the tenant sees, by id, one more than `limit` where there are more. */
export function listOperations(
  db: CentralDatabase,
  tenant: string,
  { limit, after }: { limit: number; after: string | undefined },
): Promise<OperationRow[]> {
  let query = db
    .selectFrom('joint_operations')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb('lead_tenant', '=', tenant),
        eb(
          'id',
          'in',
          eb
            .selectFrom('joint_operation_posts')
            .select('operation_id')
            .where('tenant', '=', tenant),
        ),
      ]),
    );
  if (after !== undefined) query = query.where('id', '>', after);
  return query
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** An operation as its members see it. */
export function operationView(row: OperationRow) {
  return {
    id: row.id,
    name: row.name,
    lead: row.lead_tenant,
    states: JSON.parse(row.states) as string[],
    startsAt: isoTime(row.starts_at),
    endsAt: isoTime(row.ends_at),
    ...(row.quota === null ? {} : { quota: row.quota }),
    createdAt: isoTime(row.created_at),
    version: row.version,
  };
}
