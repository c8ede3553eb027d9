/** Keys lie in keys/; this is where bench/overlay.ts still looks for them. */

export { createKeys } from './keys/keys.ts';
