/**
 * Attachments: files beside the database, under names that tell nothing.
 *
 * The file is whole on the disk before the row that names it is written, and read back against the
 * row's digest. A file without a row is what a process left that died between the two; it is swept up.
 */

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { newId } from '../http/new-id.ts';
import { addEvent, type CaseTransaction } from './case-event.ts';
import { isMediaType } from './media-type.ts';

/** A photograph of a page, or a scan of some. */
export const ATTACHMENT_BYTES_MAX = 10 * 1024 * 1024;
const ATTACHMENTS_PER_CASE_MAX = 20;
const ORPHAN_AFTER_MS = 24 * 3_600_000;
const ID = /^[\w-]{22}$/;
/** A file of ours, whole or not. */
const FILE_NAME = /^[\w-]{22}(\.part)?$/;

/** Where the files are. */
export interface AttachmentStore {
  /** Made when it is first needed. */
  folder: string;
}

/** Write the bytes under a new name; 'attachment-refused' if they are not of a type that is taken. */
export async function storeFile(
  { folder }: AttachmentStore,
  bytes: Uint8Array,
  mediaType: string,
): Promise<{ id: string; sha256: string }> {
  if (!isMediaType(bytes, mediaType)) throw new SltdError('attachment-refused');
  const id = newId();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, id);
  const file = await open(`${path}.part`, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
  return { id, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Enter a stored file into its case, in the transaction; 'attachment-refused' if there are twenty. */
export async function enterFile(
  transaction: CaseTransaction,
  row: { id: string; version: number },
  file: { id: string; sha256: string; mediaType: string; sizeBytes: number },
  { caller, nowMs }: { caller: Caller; nowMs: number },
): Promise<void> {
  const { id, sha256, mediaType, sizeBytes } = file;
  const { count } = await transaction
    .selectFrom('attachments')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('case_id', '=', row.id)
    .executeTakeFirstOrThrow();
  if (count >= ATTACHMENTS_PER_CASE_MAX) throw new SltdError('attachment-refused');
  await transaction
    .insertInto('attachments')
    .values({
      ...{ id, case_id: row.id, tenant: caller.tenant, media_type: mediaType },
      ...{ size_bytes: sizeBytes, sha256, created_at: nowMs },
    })
    .execute();
  const data = { id, mediaType, sizeBytes };
  await addEvent(transaction, row, { kind: 'attachment', by: caller, data, nowMs });
}

/** Bytes and type of an attachment of a case; 'not-found' if there is none, or its file is not it. */
export async function readAttachment(
  db: CentralDatabase,
  { folder }: AttachmentStore,
  { caseId, id }: { caseId: string; id: string },
): Promise<{ bytes: Uint8Array<ArrayBuffer>; mediaType: string }> {
  const row = await db
    .selectFrom('attachments')
    .selectAll()
    .where('id', '=', id)
    .where('case_id', '=', caseId)
    .executeTakeFirst();
  if (!row || !ID.test(id)) throw new SltdError('not-found');
  const bytes = await readFile(join(folder, id)).catch(() => undefined);
  const isWhole = bytes && createHash('sha256').update(bytes).digest('hex') === row.sha256;
  if (!bytes || !isWhole) throw new SltdError('not-found');
  return { bytes: new Uint8Array(bytes), mediaType: row.media_type };
}

/** Remove one file, whether it is there or not. */
export const removeFile = ({ folder }: AttachmentStore, id: string): Promise<void> =>
  rm(join(folder, id), { force: true });

/** Remove files of ours that are a day old and that no row names; how many. What else lies there stays. */
export async function sweepFiles(
  db: CentralDatabase,
  { folder }: AttachmentStore,
  nowMs: number,
): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let removed = 0;
  for (const name of names.filter((each) => FILE_NAME.test(each))) {
    const path = join(folder, name);
    // Of several services over one folder another one may have been first.
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || nowMs - found.mtimeMs < ORPHAN_AFTER_MS) continue;
    const row = await db
      .selectFrom('attachments')
      .select('id')
      .where('id', '=', name)
      .executeTakeFirst();
    if (row) continue;
    await rm(path, { force: true });
    removed++;
  }
  return removed;
}
