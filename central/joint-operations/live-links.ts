/**
 * Live links: a page for the wall of an operation room, without a login.
 *
 * Whoever has the link sees the figures as its maker does, and nothing else: no documents, no people.
 * Of the token only the hash is kept; it ends at a time of its maker's, within a week.
 */

import { createHash, randomBytes } from 'node:crypto';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';

const HOUR_MS = 3_600_000;
/** Longest life of a link, in hours. */
export const LINK_HOURS_MAX = 7 * 24;

const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url');

/** A new link: its token, and when it ends. */
export async function createLink(
  db: CentralDatabase,
  about: { operationId: string; tenant: string; hours: number; nowMs: number },
): Promise<{ token: string; expiresAt: number }> {
  const token = randomBytes(32).toString('base64url');
  const expiresAt = about.nowMs + about.hours * HOUR_MS;
  await db.deleteFrom('joint_operation_links').where('expires_at', '<=', about.nowMs).execute();
  await db
    .insertInto('joint_operation_links')
    .values({
      token_sha256: hashOf(token),
      operation_id: about.operationId,
      tenant: about.tenant,
      expires_at: expiresAt,
    })
    .execute();
  return { token, expiresAt };
}

/** What a link shows, and to whom; throws 'not-found' for one that is none or has ended. */
export async function openLink(
  db: CentralDatabase,
  token: string,
  nowMs: number,
): Promise<{ operationId: string; tenant: string }> {
  const row = await db
    .selectFrom('joint_operation_links')
    .selectAll()
    .where('token_sha256', '=', hashOf(token))
    .where('expires_at', '>', nowMs)
    .executeTakeFirst();
  if (!row) throw new SltdError('not-found');
  return { operationId: row.operation_id, tenant: row.tenant };
}

/** Ends all links of an operation that a tenant has made. */
export async function endLinks(
  db: CentralDatabase,
  { operationId, tenant }: { operationId: string; tenant: string },
): Promise<void> {
  await db
    .deleteFrom('joint_operation_links')
    .where('operation_id', '=', operationId)
    .where('tenant', '=', tenant)
    .execute();
}
