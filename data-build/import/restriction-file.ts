/**
 * File of restrictions: who sees nothing of whose records, as `central restrictions` writes it.
 *
 *     issuing_state,excluded_state
 *     UTO,D
 *
 * UTF-8, codes of Doc 9303-3, a pair a line. A line that is left out would widen access, so nothing is
 * passed over: one line that is no pair, or stands there twice, refuses the file. A file with the heading
 * alone says that nobody is restricted.
 */

import { readFileSync, statSync } from 'node:fs';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { RESTRICTIONS_MAX } from '../../src/format/layout.ts';
import {
  compareRestrictions,
  RESTRICTIONS_HEADING,
  type Restriction,
} from '../../src/format/restrictions.ts';

/** As many lines as there may be, with fillers and spaces. */
const FILE_BYTES_MAX = 32 * RESTRICTIONS_MAX;

/** The restrictions in a file, in order; none without a file. Throws 'input-restrictions'. */
export function readRestrictions(path: string | undefined): readonly Restriction[] {
  if (path === undefined) return [];
  const [heading, ...lines] = textOf(path).replace(/\n$/, '').split('\n');
  if (heading !== RESTRICTIONS_HEADING) refuse(`line 1 is not ${RESTRICTIONS_HEADING}`);
  if (lines.length > RESTRICTIONS_MAX) refuse(`more than ${RESTRICTIONS_MAX} pairs`);
  const seen = new Set<string>();
  const restrictions = lines.map((line, index) => {
    const restriction = restrictionOf(line);
    if (!restriction) return refuse(`line ${index + 2} is no pair of two states`);
    const name = `${restriction.source} ${restriction.excluded}`;
    if (seen.has(name)) refuse(`line ${index + 2} stands there already`);
    seen.add(name);
    return restriction;
  });
  return restrictions.sort(compareRestrictions);
}

function restrictionOf(line: string): Restriction | undefined {
  const fields = line.split(',');
  const [source, excluded] = fields.map((field) => parseStateCode(field));
  const isPair = fields.length === 2 && source && excluded && source !== excluded;
  return isPair ? { source, excluded } : undefined;
}

function textOf(path: string): string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) refuse('it is too large');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return text.replaceAll('\r\n', '\n');
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('input-restrictions', { detail: 'it cannot be read', cause });
  }
}

function refuse(detail: string): never {
  throw new SltdError('input-restrictions', { detail });
}
