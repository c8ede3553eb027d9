/**
 * Repeated requests: a change with an Idempotency-Key happens once, however often it is sent.
 *
 * Key, hash of the request and answer are written in the transaction of the change, so that a bureau
 * whose line broke sends the same again and gets the answer of the first time. They are kept for 24
 * hours, per bureau. An answer has ids and codes, never a document number.
 */

import { createHash } from 'node:crypto';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { ChangeBatch } from './change-batch.ts';

/** An answer as it is sent, and sent again. */
export interface ChangeAnswer {
  status: 200 | 201 | 202;
  body: Record<string, unknown>;
}

const KEPT_MS = 24 * 3_600_000;
const KEY_FORM = /^[\x21-\x7e]{1,128}$/;

/** What is asked: the same key for anything else is a mistake of the caller. */
export interface RepeatableRequest {
  /** Idempotency-Key; undefined if the caller gave none. */
  key: string | undefined;
  /** Method and address. */
  target: string;
  body: Uint8Array;
}

/**
 * Run the change, or give the answer of the first time. Throws 'request-invalid' for a key that is none
 * and 'repeat-differs' for a key of another request.
 */
export async function onceOnly(
  batch: ChangeBatch,
  { key, target, body }: RepeatableRequest,
  change: () => Promise<ChangeAnswer>,
): Promise<ChangeAnswer> {
  if (key === undefined) return change();
  if (!KEY_FORM.test(key)) throw new SltdError('request-invalid');
  const { transaction, caller, nowMs } = batch;
  const hash = createHash('sha256').update(`${target}\n`).update(body).digest('base64url');
  const before = await transaction
    .selectFrom('repeated_requests')
    .selectAll()
    .where('tenant', '=', caller.tenant)
    .where('key', '=', key)
    .executeTakeFirst();
  if (before && before.at > nowMs - KEPT_MS) {
    if (before.request_sha256 !== hash) throw new SltdError('repeat-differs');
    return { status: before.status as ChangeAnswer['status'], body: JSON.parse(before.body) };
  }
  const answer = await change();
  const row = {
    ...{ request_sha256: hash, status: answer.status, at: nowMs },
    body: JSON.stringify(answer.body),
  };
  await transaction
    .insertInto('repeated_requests')
    .values({ tenant: caller.tenant, key, ...row })
    .onConflict((conflict) => conflict.columns(['tenant', 'key']).doUpdateSet(row))
    .execute();
  return answer;
}

/** Forget what is older than a day. */
export async function forgetRepeated(db: CentralDatabase, nowMs: number): Promise<void> {
  await db
    .deleteFrom('repeated_requests')
    .where('at', '<=', nowMs - KEPT_MS)
    .execute();
}
