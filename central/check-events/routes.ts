/**
 * Check events over HTTP.
 *
 *     POST /v1/check-events        lines of an edge, as NDJSON, plain or gzip; for edges alone
 *     GET  /v1/audit/events        the chain of the caller's tenant, oldest first
 *     GET  /v1/audit/checkpoints   its links that central has signed
 *
 * docs/api.md, "Check events".
 */

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import type { Role } from '../../src/format/role.ts';
import type { CentralContext } from '../http/context.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { BODY_BYTES_MAX, readBytes } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { IngestQueue } from './ingest-queue.ts';
import { eventsOfLines, type LineCounts } from './read-lines.ts';

/** A body of gzip may grow to this: some 1,000 lines of 1,000 documents. */
const TEXT_BYTES_MAX = 16 * 1024 * 1024;
/** Who reads what an agency's people have asked: not those people. */
const READERS: readonly Role[] = ['auditor'];
const PositionSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const unzip = promisify(gunzip);

/** Adds the addresses above. */
export const addCheckEventRoutes: RouteModule = (
  app,
  { db, collection, clock, callerOf, edgeCallerOf },
) => {
  const queue = new IngestQueue(db, clock);

  app.post('/v1/check-events', async (c) => {
    await edgeCallerOf(c);
    const counts: LineCounts = { passedOver: 0, malformed: 0 };
    const events = eventsOfLines((await textOf(c)).split('\n'), await collection(), counts);
    return c.json({ ...(await queue.take(events)), ...counts });
  });

  const auditedTenant = async (c: CentralContext): Promise<string> => {
    const caller = await callerOf(c);
    if (!READERS.includes(caller.role)) throw new SltdError('forbidden');
    return caller.tenant;
  };

  app.get('/v1/audit/events', async (c) => {
    const tenant = await auditedTenant(c);
    const request = pageRequest(c, PositionSchema);
    const rows = await db
      .selectFrom('check_events')
      .select(['tenant_number', 'entry', 'hash'])
      .where('tenant', '=', tenant)
      .where('tenant_number', '>', request.after ?? 0)
      .orderBy('tenant_number')
      .limit(request.limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        // The entry as text: the hash is over these very bytes.
        view: ({ tenant_number: number, entry, hash }) => ({ number, entry, hash }),
        positionOf: (row) => row.tenant_number,
      }),
    );
  });

  app.get('/v1/audit/checkpoints', async (c) => {
    const tenant = await auditedTenant(c);
    const request = pageRequest(c, PositionSchema);
    const rows = await db
      .selectFrom('audit_checkpoints')
      .select(['tenant_number', 'jws'])
      .where('tenant', '=', tenant)
      .where('tenant_number', '>', request.after ?? 0)
      .orderBy('tenant_number')
      .limit(request.limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        view: ({ tenant_number: number, jws }) => ({ number, checkpoint: jws }),
        positionOf: (row) => row.tenant_number,
      }),
    );
  });
};

async function textOf(c: CentralContext): Promise<string> {
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/x-ndjson\s*(;|$)/i.test(type)) throw new SltdError('content-type');
  let bytes: Uint8Array = await readBytes(c.req.raw, BODY_BYTES_MAX);
  const encoding = c.req.header('content-encoding');
  if (encoding === 'gzip') bytes = await unzipped(bytes);
  else if (encoding !== undefined) throw new SltdError('content-type');
  return new TextDecoder().decode(bytes);
}

async function unzipped(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await unzip(bytes, { maxOutputLength: TEXT_BYTES_MAX });
  } catch (error) {
    const isLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new SltdError(isLong ? 'body-too-large' : 'body-not-json');
  }
}
