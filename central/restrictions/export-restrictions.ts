/**
 * Restrictions as a file, for `sltd build --restrictions`.
 *
 * It takes the place of an older one in one step, so that a build finds the one or the other, whole. It
 * names states alone.
 */

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { SltdError } from '../../src/errors.ts';
import { RESTRICTIONS_HEADING } from '../../src/format/restrictions.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { allRestrictions } from './find-restrictions.ts';

/** Writes all pairs; how many there are. 'config-invalid' if the file cannot be written. */
export async function exportRestrictions(db: CentralDatabase, path: string): Promise<number> {
  const rows = await allRestrictions(db);
  const lines = [
    RESTRICTIONS_HEADING,
    ...rows.map(({ source, excluded }) => `${source},${excluded}`),
  ];
  const next = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(next, `${lines.join('\n')}\n`, { mode: 0o600, flush: true });
    renameSync(next, path);
  } catch (cause) {
    rmSync(next, { force: true });
    const detail = 'the file of restrictions cannot be written';
    throw new SltdError('config-invalid', { detail, cause });
  }
  return rows.length;
}
