import type { Context } from 'hono';
import type { ErrorTrace, LogLine } from './request-log.ts';

/** What a handler leaves for the log. */
export interface CentralEnv {
  Variables: { counts: Pick<LogLine, 'keyCount' | 'listedCount'>; error: ErrorTrace };
}

export type CentralContext = Context<CentralEnv>;
