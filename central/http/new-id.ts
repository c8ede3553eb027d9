/** Opaque ids of what central makes by itself: at random, so they tell nothing of what they name. */

import { randomBytes } from 'node:crypto';

/** 16 random bytes in base64url: 22 characters. */
export const newId = (): string => randomBytes(16).toString('base64url');
