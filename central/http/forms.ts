/** Forms of what stands in the addresses, cursors and bodies of central, beside those of src/format/forms.ts. */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { ID, isLine } from '../../src/format/forms.ts';
import type { CentralContext } from './context.ts';

/** The identifier in an address; 'not-found' for what is none, as for one that nothing has. */
export function idOf(c: CentralContext, name = 'id'): string {
  const id = c.req.param(name) ?? '';
  if (!ID.test(id)) throw new SltdError('not-found');
  return id;
}

const words = (lengthMax: number, isGood: (text: string) => boolean) =>
  v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(lengthMax), v.check(isGood));

/** One line in a person's words. */
export const line = (lengthMax: number) => words(lengthMax, isLine);

/** One line or some: the only control characters are tabs and ends of lines. */
export const text = (lengthMax: number) =>
  words(lengthMax, (value) => isLine(value.replace(/[\t\r\n]/g, ' ')));

/** Number of a version or a line of a history: what an `integer` of both databases holds. */
export const Version = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
