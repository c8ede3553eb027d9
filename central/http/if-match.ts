/** The version of a thing that a change is made to (RFC 9110, If-Match). */

import { SltdError } from '../../src/errors.ts';
import type { CentralContext } from './context.ts';

/**
 * The version in If-Match, undefined without one. A strong validator alone, and one only: anything else
 * is 'version-changed'.
 */
export function ifMatch(c: CentralContext): number | undefined {
  const text = c.req.header('if-match');
  if (text === undefined) return undefined;
  const version = /^"(\d{1,9})"$/.exec(text)?.[1];
  if (version === undefined) throw new SltdError('version-changed');
  return Number(version);
}
