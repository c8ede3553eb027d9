/**
 * One JSON line a request: what was asked for in general, never what was asked.
 *
 * The route is the pattern, not the address; an error is its code and where it was thrown, not its
 * message: a database may put values into one (promise 6).
 */

import { SltdError } from '../../src/errors.ts';

/** A line of the log; counts are of keys, never the keys. */
export interface LogLine {
  /** ISO 8601. */
  time: string;
  event:
    | 'request'
    | 'start'
    | 'stop'
    | 'load'
    | 'dead-letter'
    | 'job-failed'
    | 'sighting-late'
    | 'sighting-unread';
  route?: string;
  status?: number;
  durationMs?: number;
  keyCount?: number;
  listedCount?: number;
  recordCount?: number;
  /** Hits whose answer left before they were stored. */
  lateCount?: number;
  /** Of these, those that a kill of the process does not lose. */
  keptCount?: number;
  /** Name of a file of hits that is not understood: random, and says nothing. */
  file?: string;
  /** Notifications that are no longer tried. */
  deadCount?: number;
  port?: number;
  error?: ErrorTrace;
}

/** What may be said of an unexpected error. */
export interface ErrorTrace {
  name: string;
  /** Of Node or PostgreSQL (SQLSTATE). */
  code?: string;
  frames: string[];
}

const FRAMES_MAX = 8;

/** Write a line to standard output. */
export function writeLogLine(line: LogLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Name, code and stack frames of an error, without its message. */
export function traceError(error: unknown): ErrorTrace {
  if (!(error instanceof Error)) return { name: typeof error, frames: [] };
  const code = error instanceof SltdError ? error.code : (error as NodeJS.ErrnoException).code;
  const lines = (error.stack ?? '').split('\n');
  const frames = lines.filter((line) => /^ {4}at /.test(line)).map((line) => line.trim());
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    frames: frames.slice(0, FRAMES_MAX),
  };
}
