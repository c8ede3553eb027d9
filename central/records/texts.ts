/** Forms of what stands in addresses and bodies about records. */

import { text } from '../http/forms.ts';

/** Why something is done, in a person's words: one line or some, 500 characters at most. */
export const Reason = text(500);
