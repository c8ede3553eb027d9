/**
 * Forward migrations, run in order of name at every start. One text for SQLite and PostgreSQL.
 *
 * A migration that has been released is never changed: a later one corrects it. There is no way
 * back down; the way back is a backup.
 */

import { type Migration, Migrator } from 'kysely/migration';
import { SltdError } from '../../src/errors.ts';
import { createRecords } from './migrations/0001-records.ts';
import { createOperationLog } from './migrations/0002-operation-log.ts';
import { createCases } from './migrations/0003-cases.ts';
import { createNotifications } from './migrations/0004-notifications.ts';
import { createJointOperations } from './migrations/0005-joint-operations.ts';
import { createCheckEvents } from './migrations/0006-check-events.ts';
import { createCards } from './migrations/0008-cards.ts';
import { createOverlayPublications } from './migrations/0009-overlay-publications.ts';
import { addNoticeColor } from './migrations/0010-notice-color.ts';
import { createRestrictions } from './migrations/0011-restrictions.ts';
import { createBureauChanges } from './migrations/0012-bureau-changes.ts';
import { stageOwnLists } from './migrations/0013-own-lists.ts';
import { createLoadedReports } from './migrations/0014-loaded-reports.ts';
import { addCountedLines } from './migrations/0015-counted-lines.ts';
import { addOperationVersions } from './migrations/0016-operation-versions.ts';
import type { CentralDatabase } from './schema.ts';

/** By name, in the order in which they run. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-records': { up: createRecords },
  '0002-operation-log': { up: createOperationLog },
  '0003-cases': { up: createCases },
  '0004-notifications': { up: createNotifications },
  '0005-joint-operations': { up: createJointOperations },
  '0006-check-events': { up: createCheckEvents },
  '0008-cards': { up: createCards },
  '0009-overlay-publications': { up: createOverlayPublications },
  '0010-notice-color': { up: addNoticeColor },
  '0011-restrictions': { up: createRestrictions },
  '0012-bureau-changes': { up: createBureauChanges },
  '0013-own-lists': { up: stageOwnLists },
  '0014-loaded-reports': { up: createLoadedReports },
  '0015-counted-lines': { up: addCountedLines },
  '0016-operation-versions': { up: addOperationVersions },
};

/** Every schema that there has been, the first one first. */
export const SCHEMAS: readonly string[] = Object.keys(MIGRATIONS).sort();

/**
 * Bring the schema to this version, or to an earlier one of an empty database; throws 'internal' if a
 * migration fails.
 */
export async function migrate(db: CentralDatabase, schema = SCHEMAS.at(-1)!): Promise<void> {
  const provider = { getMigrations: async () => MIGRATIONS };
  const { error } = await new Migrator({ db, provider }).migrateTo(schema);
  if (error) throw new SltdError('internal', { detail: 'migration failed', cause: error });
}
