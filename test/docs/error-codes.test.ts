/** The table of codes in docs/api.md and src/errors.ts say the same, both ways. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ERRORS } from '../../src/errors.ts';

const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

/** Rows such as: | `mrz-unreadable` | 422 | `invalid` | The machine … | */
const ROW = /^\| `([a-z0-9-]+)` \| (\d{3}) \| `(unknown|invalid)` \| (.+?) \|$/gm;

const documented = [...page.matchAll(ROW)].map(([, code, http, status, title]) => ({
  ...{ code, http: Number(http), status, title },
}));

it('every code of the source is documented as it is, once, and no other', () => {
  const known = Object.entries(ERRORS).map(([code, entry]) => ({ code, ...entry }));
  const byCode = (a: { code?: string }, b: { code?: string }) =>
    (a.code ?? '').localeCompare(b.code ?? '');
  expect(documented.toSorted(byCode)).toEqual(known.toSorted(byCode));
});
