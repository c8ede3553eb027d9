/** The head key of a keys file, as the publisher takes it. */

import type { HeadSigner } from '../publish/head.ts';
import { signingKey, verifyKeys } from '../src/format/signature.ts';
import { type KeysFile, publicKeyText } from './keys.ts';

/** The signer that a keys file makes; 'config-invalid' if the key is none. */
export async function headSignerOf(keys: KeysFile): Promise<HeadSigner> {
  const key = await signingKey({ ...keys.head });
  return { key, trusted: await verifyKeys(publicKeyText(keys.head)) };
}
