/**
 * Tables of central, as Kysely sees them: each folder has its own in a `tables.ts`, here they come
 * together. The SQL is in migrations/.
 */

import type { Kysely } from 'kysely';
import type { CardTables } from '../cards/tables.ts';
import type { CaseTables } from '../cases/tables.ts';
import type { CheckEventTables } from '../check-events/tables.ts';
import type { CoverageTables } from '../coverage/tables.ts';
import type { JointOperationTables } from '../joint-operations/tables.ts';
import type { NotificationTables } from '../notifications/tables.ts';
import type { OverlayTables } from '../overlay/tables.ts';
import type { RecordTables } from '../records/tables.ts';
import type { RestrictionTables } from '../restrictions/tables.ts';
import type { RetroMatchTables } from '../retro-match/tables.ts';

export interface CentralSchema
  extends CardTables,
    CaseTables,
    CheckEventTables,
    CoverageTables,
    JointOperationTables,
    NotificationTables,
    OverlayTables,
    RecordTables,
    RestrictionTables,
    RetroMatchTables {}

/** The database of central, on SQLite or PostgreSQL. */
export type CentralDatabase = Kysely<CentralSchema>;
