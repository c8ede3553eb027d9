/**
 * Where a scanner hands its rows: the same for CSV and JSON, so that one reader interprets both.
 */

import type { RejectCode } from './rejects.ts';

export interface RowSink {
  /**
   * One row. Field i is UTF-8 from starts[i] to ends[i]; all three arrays are the scanner's own and
   * hold only during the call. `line` counts from 1.
   */
  row(
    bytes: Uint8Array,
    starts: Int32Array,
    ends: Int32Array,
    line: number,
    fieldCount: number,
  ): void;
  /** A row that could not be told apart into fields. */
  bad(line: number, code: RejectCode): void;
}
