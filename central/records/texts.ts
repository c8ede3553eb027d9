/** Forms of what stands in addresses and bodies about records. */

import * as v from 'valibot';

/** A record's id: 16 bytes in base64url. */
export const RECORD_ID = /^[\w-]{22}$/;

/** Why something is done, in a person's words: one line or some, 500 characters at most. */
export const Reason = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(500),
  v.check((text) => text.isWellFormed() && !/[^\P{Cc}\n]/u.test(text)),
);
