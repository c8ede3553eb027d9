/** Report of a joint operation as CSV (RFC 4180): one row for each post and hour. */

import { csvText } from '../http/csv.ts';
import { COUNTS, type OperationReport } from './report.ts';

/** The rows of the report, with a header. */
export function reportCsv({ rows }: OperationReport): string {
  const header = ['hour', 'tenant', 'site', ...COUNTS, 'confirmationMedianMs', 'confirmationMaxMs'];
  return csvText([
    header,
    ...rows.map((row) => [
      ...[row.hour, row.tenant, row.site],
      ...COUNTS.map((name) => row[name]),
      ...[row.confirmationMs?.median ?? '', row.confirmationMs?.max ?? ''],
    ]),
  ]);
}
