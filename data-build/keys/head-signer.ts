/** The head key of a keys file, as the publisher takes it. */

import type { HeadSigner } from '../../publish/head.ts';
import { signingKey, verifyKeys } from '../../src/format/signature.ts';
import { type KeysOf, publicKeysText } from './keys.ts';

/** The signer that a keys file makes; 'config-invalid' if the key is none. */
export async function headSignerOf(keys: KeysOf<'head'>): Promise<HeadSigner> {
  const key = await signingKey({ ...keys.head });
  return { key, trusted: await verifyKeys(publicKeysText(keys, 'head')) };
}
