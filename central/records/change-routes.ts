/**
 * Changes of records over HTTP, for the bureau of the issuing state alone. docs/api.md, "Records".
 *
 *     POST  /v1/records                  report a document
 *     PATCH /v1/records/:id              correct a record; If-Match
 *     POST  /v1/records/:id/withdrawal   withdraw it
 *     POST  /v1/records/bulk             up to 5,000 of these
 *
 * All four are a list of items, and go the same way: lock, Idempotency-Key, guard, apply.
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Id } from '../../src/format/forms.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { idOf } from '../http/forms.ts';
import { ifMatch } from '../http/if-match.ts';
import { parseJson, readBytes, readJsonBytes } from '../http/read-body.ts';
import type { CentralServices, RouteModule } from '../http/route-module.ts';
import { changeRecords } from './change-batch.ts';
import { applyItem, applyItems, type ChangeItem, type ChangeResult } from './change-records.ts';
import { holdItems, unusualCause } from './held-bulks.ts';
import { owningCallerOf } from './owners.ts';
import { type ChangeAnswer, onceOnly } from './repeated-requests.ts';
import { Reason } from './texts.ts';

const BULK_ITEMS_MAX = 5_000;
/** 5,000 records of 1.6 KB. */
const BULK_BYTES_MAX = 8 * 1024 * 1024;

const Version = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));
const ItemSchema = v.variant('action', [
  v.strictObject({ action: v.literal('report'), record: v.unknown() }),
  v.strictObject({ action: v.literal('correct'), id: Id, version: Version, changes: v.unknown() }),
  v.strictObject({ action: v.literal('withdraw'), id: Id, version: Version, reason: Reason }),
]);
const WithdrawalSchema = v.strictObject({ reason: Reason });
const BulkSchema = v.strictObject({ items: v.array(v.unknown()) });

/** The addresses above. */
export const addChangeRoutes: RouteModule = (app, services) => {
  app.post('/v1/records', async (c) => {
    const caller = await owningCallerOf(c, services);
    const body = await readJsonBytes(c.req.raw);
    return single(c, services, {
      caller,
      body,
      item: { action: 'report', record: parseJson(body) },
    });
  });

  // Before /:id, or a bulk would be a record's id.
  app.post('/v1/records/bulk', async (c) => {
    const caller = await owningCallerOf(c, services);
    const body = await readBytes(c.req.raw, BULK_BYTES_MAX);
    const items = itemsOf(body, c.req.header('content-type') ?? '');
    return submit(c, services, { caller, body, items }, async (batch) => {
      const results = await applyItems(batch, items);
      const operationSequence = await batch.flush();
      return { status: 200, body: { results: numbered(results), operationSequence } };
    });
  });

  app.patch('/v1/records/:id', async (c) => {
    const caller = await owningCallerOf(c, services);
    const id = idOf(c);
    const version = ifMatch(c);
    if (version === undefined) throw new SltdError('version-missing');
    const body = await readJsonBytes(c.req.raw);
    const item: ChangeItem = { action: 'correct', id, version, changes: parseJson(body) };
    return single(c, services, { caller, body, item });
  });

  app.post('/v1/records/:id/withdrawal', async (c) => {
    const caller = await owningCallerOf(c, services);
    const id = idOf(c);
    const version = ifMatch(c);
    const body = await readJsonBytes(c.req.raw);
    const parsed = v.safeParse(WithdrawalSchema, parseJson(body));
    if (!parsed.success) throw new SltdError('request-invalid');
    const item: ChangeItem = { action: 'withdraw', id, version, ...parsed.output };
    return single(c, services, { caller, body, item });
  });
};

interface Asked {
  caller: Caller;
  body: Uint8Array;
}

/** One change: refused as a problem, or answered by itself. */
function single(
  c: CentralContext,
  services: CentralServices,
  { item, ...asked }: Asked & { item: ChangeItem },
): Promise<Response> {
  return submit(c, services, { ...asked, items: [item] }, async (batch) => {
    const result = await applyItem(batch, item);
    const operationSequence = await batch.flush();
    return {
      status: result.status === 'reported' ? 201 : 200,
      body: { ...result, operationSequence },
    };
  });
}

/** Lock, repeated or not, usual or not, apply; the answer over HTTP. */
async function submit(
  c: CentralContext,
  { db, clock, bulkLimits }: CentralServices,
  { caller, body, items }: Asked & { items: readonly ChangeItem[] },
  apply: (batch: Parameters<typeof applyItem>[0]) => Promise<ChangeAnswer>,
): Promise<Response> {
  const key = c.req.header('idempotency-key');
  const target = `${c.req.method} ${c.req.path} ${c.req.header('if-match') ?? ''}`;
  const answer = await changeRecords({ db, caller, nowMs: clock() }, (batch) =>
    onceOnly(batch, { key, target, body }, async () => {
      const cause = await unusualCause(batch, items, bulkLimits);
      if (cause === undefined) return apply(batch);
      const held = await holdItems(batch, items, cause);
      return { status: 202, body: { status: 'held', held, cause } };
    }),
  );
  const { id, version, held } = answer.body;
  if (typeof held === 'string') c.header('location', `/v1/held-bulks/${held}`);
  else if (typeof id === 'string') c.header('location', `/v1/records/${id}`);
  if (typeof version === 'number') c.header('etag', `"${version}"`);
  return c.json(answer.body, answer.status);
}

/** The items of a bulk: a list in JSON, or one a line. One that cannot be read stands for itself. */
function itemsOf(body: Uint8Array, contentType: string): ChangeItem[] {
  const values = /^application\/x-ndjson\s*(;|$)/i.test(contentType)
    ? linesOf(body)
    : listOf(body, contentType);
  if (values.length === 0 || values.length > BULK_ITEMS_MAX) throw new SltdError('bulk-size');
  return values.map((value) => {
    const parsed = v.safeParse(ItemSchema, value);
    return parsed.success ? parsed.output : { action: 'unreadable' };
  });
}

function listOf(body: Uint8Array, contentType: string): unknown[] {
  if (!/^application\/json\s*(;|$)/i.test(contentType)) throw new SltdError('content-type');
  const parsed = v.safeParse(BulkSchema, parseJson(body));
  if (!parsed.success) throw new SltdError('request-invalid');
  return parsed.output.items;
}

function linesOf(body: Uint8Array): unknown[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new SltdError('body-not-json');
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  // Looked at before they are parsed, however many there are.
  if (lines.length > BULK_ITEMS_MAX) throw new SltdError('bulk-size');
  return lines.map((line) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      return undefined;
    }
  });
}

/** Results with their place among the items, from 0. */
export const numbered = (results: readonly ChangeResult[]) =>
  results.map((result, index) => ({ index, ...result }));
