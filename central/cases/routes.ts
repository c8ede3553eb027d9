/**
 * Cases over HTTP, for those who take part in them; to everyone else a case is not found.
 *
 *     GET  /v1/cases                             own cases, newest first; ?state= ?record=
 *     GET  /v1/cases/:id
 *     POST /v1/cases/:id/transitions             move it
 *     GET  /v1/cases/:id/history                 all that happened
 *     GET  /v1/cases/:id/events                  the same as it happens: server-sent events
 *     GET, POST /v1/cases/:id/messages
 *     POST /v1/cases/:id/attachments, GET /v1/cases/:id/attachments/:attachment
 *
 * docs/api.md, "Cases".
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { Id } from '../../src/format/forms.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { idOf, text, Version } from '../http/forms.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import { readBytes, readJsonAs } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { isRestricted, restrictingStates } from '../restrictions/find-restrictions.ts';
import {
  ATTACHMENT_BYTES_MAX,
  enterFile,
  readAttachment,
  removeFile,
  storeFile,
} from './attachments.ts';
import type { CaseRow } from './case-event.ts';
import { attachToCase, moveCase, writeMessage } from './change-case.ts';
import { suffixOf } from './media-type.ts';
import { postOf, viewersOf } from './parties.ts';
import { CASE_OUTCOMES, CASE_STATES, type EventKind } from './tables.ts';
import { caseView, eventView } from './views.ts';

const TEXT_LENGTH_MAX = 4_000;

const MoveSchema = v.strictObject({
  to: v.picklist(CASE_STATES),
  reason: v.optional(text(TEXT_LENGTH_MAX)),
  outcome: v.optional(v.picklist(CASE_OUTCOMES)),
  version: v.optional(Version),
});
const MessageSchema = v.strictObject({
  text: text(TEXT_LENGTH_MAX),
  attachments: v.optional(v.pipe(v.array(Id), v.maxLength(20)), []),
});

/** Adds the addresses above. */
export const addCaseRoutes: RouteModule = (app, services) => {
  const { db, clock, callerOf, liveCases, attachments: store } = services;

  /** The case of the address, if the caller takes part in it. */
  const open = async (c: CentralContext) => {
    const caller = await callerOf(c);
    refuseOutsiders(caller);
    const row = await findCase(db, idOf(c));
    if (!row || viewersOf(caller, row).length === 0) throw new SltdError('not-found');
    if (await isRestricted(db, row.issuing_state, caller.state)) throw new SltdError('not-found');
    return { caller, row };
  };
  /** The same, for who may also read what the sides write to each other. */
  const openAsParty = async (c: CentralContext) => {
    const opened = await open(c);
    if (viewersOf(opened.caller, opened.row).includes('audit')) throw new SltdError('forbidden');
    return opened;
  };

  app.get('/v1/cases', async (c) => {
    const caller = await callerOf(c);
    refuseOutsiders(caller);
    const request = pageRequest(c, TimePosition);
    const restricting = await restrictingStates(db, caller.state);
    const rows = await listCases(db, caller, { ...request, ...filterOf(c), restricting });
    const positionOf = (row: CaseRow) => [row.opened_at, row.id];
    return c.json(pageOf(rows, request, { view: (row) => caseView(row, caller), positionOf }));
  });

  app.get('/v1/cases/:id', async (c) => {
    const { caller, row } = await open(c);
    return c.json(caseView(row, caller));
  });

  app.post('/v1/cases/:id/transitions', async (c) => {
    const { caller, row } = await openAsParty(c);
    const { version, ...move } = await readJsonAs(c.req.raw, MoveSchema);
    const change = { db, caller, nowMs: clock(), version, requestKey: requestKeyOf(c, caller) };
    return c.json(caseView(await moveCase(row.id, move, change), caller));
  });

  const history = (kind?: EventKind) => async (c: CentralContext) => {
    const { caller, row } = await (kind === 'message' ? openAsParty(c) : open(c));
    const request = pageRequest(c, Version);
    let query = db
      .selectFrom('case_events')
      .selectAll()
      .where('case_id', '=', row.id)
      .where('version', '>', request.after ?? 0);
    if (kind) query = query.where('kind', '=', kind);
    const rows = await query
      .orderBy('version')
      .limit(request.limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        view: (event) => eventView(event, { caller, owners: row }),
        positionOf: ({ version }) => version,
      }),
    );
  };
  app.get('/v1/cases/:id/history', history());
  app.get('/v1/cases/:id/messages', history('message'));

  app.get('/v1/cases/:id/events', async (c) => {
    const { caller, row } = await open(c);
    const body = liveCases.open({
      ...{ caseId: row.id, tenant: caller.tenant, untilMs: caller.untilMs },
      isOpen: async () => !(await isRestricted(db, row.issuing_state, caller.state)),
      afterVersion: lastEventId(c),
      view: (event) => eventView(event, { caller, owners: row }),
    });
    return c.body(body, 200, {
      'content-type': 'text/event-stream',
      // Proxies would otherwise hold events back until they have a buffer full.
      'x-accel-buffering': 'no',
    });
  });

  app.post('/v1/cases/:id/messages', async (c) => {
    const { caller, row } = await openAsParty(c);
    const message = await readJsonAs(c.req.raw, MessageSchema);
    const change = { db, caller, nowMs: clock(), requestKey: requestKeyOf(c, caller) };
    return c.json(caseView(await writeMessage(row.id, message, change), caller), 201);
  });

  app.post('/v1/cases/:id/attachments', async (c) => {
    const { caller, row } = await openAsParty(c);
    const mediaType = (c.req.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
    const bytes = await readBytes(c.req.raw, ATTACHMENT_BYTES_MAX);
    const stored = await storeFile(store, bytes, mediaType);
    const file = { ...stored, mediaType, sizeBytes: bytes.length };
    const nowMs = clock();
    try {
      await attachToCase(row.id, { db, caller, nowMs }, (transaction, locked) =>
        enterFile(transaction, locked, file, { caller, nowMs }),
      );
    } catch (error) {
      await removeFile(store, stored.id);
      throw error;
    }
    return c.json({ id: stored.id, mediaType, sizeBytes: bytes.length }, 201);
  });

  app.get('/v1/cases/:id/attachments/:attachment', async (c) => {
    const { row } = await openAsParty(c);
    const attachmentId = idOf(c, 'attachment');
    const { bytes, mediaType } = await readAttachment(db, store, {
      ...{ caseId: row.id, id: attachmentId },
    });
    return c.body(bytes, 200, {
      'content-type': mediaType,
      // From a stranger: saved, never shown in the page's own name.
      'content-disposition': `attachment; filename="${attachmentId}.${suffixOf(mediaType)}"`,
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
    });
  });
};

/** Roles that take part in no case are told so before anything is looked up. */
function refuseOutsiders({ role }: Caller): void {
  if (role !== 'officer' && role !== 'ncb' && role !== 'auditor') throw new SltdError('forbidden');
}

const findCase = (db: CentralDatabase, caseId: string): Promise<CaseRow | undefined> =>
  db.selectFrom('cases').selectAll().where('id', '=', caseId).executeTakeFirst();

/** Cases in which the caller takes part by viewersOf(), newest first; one more than the limit. */
function listCases(
  db: CentralDatabase,
  { role, tenant, site }: Caller,
  filter: {
    limit: number;
    after: readonly [number, string] | undefined;
    state: CaseRow['state'] | undefined;
    record: string | undefined;
    /** Issuing states that keep their records from the caller. */
    restricting: readonly string[];
  },
): Promise<CaseRow[]> {
  let query = db.selectFrom('cases').selectAll();
  query =
    role === 'officer'
      ? query.where('asking_tenant', '=', tenant).where('post', '=', postOf(site))
      : query.where((eb) =>
          eb.or([
            eb('issuing_ncb', '=', tenant),
            // The `ncb` of an agency administers its endpoints and has no part in its cases.
            ...(role === 'ncb' && stateOfBureau(tenant) === undefined
              ? []
              : [eb('asking_ncb', '=', tenant), eb('asking_tenant', '=', tenant)]),
          ]),
        );
  const { after, state, record, restricting } = filter;
  if (restricting.length > 0) query = query.where('issuing_state', 'not in', restricting);
  if (after)
    query = query.where((eb) => eb(eb.refTuple('opened_at', 'id'), '<', eb.tuple(...after)));
  if (state !== undefined) query = query.where('state', '=', state);
  if (record !== undefined) query = query.where('record_id', '=', record);
  return query
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .execute();
}

function filterOf(c: CentralContext) {
  const state = v.safeParse(v.optional(v.picklist(CASE_STATES)), c.req.query('state'));
  const record = v.safeParse(v.optional(Id), c.req.query('record'));
  if (!state.success || !record.success) throw new SltdError('request-invalid');
  return { state: state.output, record: record.output };
}

/** The version that the reader has; a header that is not one begins at the beginning. */
function lastEventId(c: CentralContext): number {
  const header = c.req.header('last-event-id') ?? c.req.query('after') ?? '';
  return /^\d{1,9}$/.test(header) ? Number(header) : 0;
}

/** The key of a request that may be repeated, of its tenant alone; 'request-invalid' if it is long. */
function requestKeyOf(c: CentralContext, { tenant }: Caller): string | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (key.length < 1 || key.length > 128) throw new SltdError('request-invalid');
  return `${tenant} ${key}`;
}
