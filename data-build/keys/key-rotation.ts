/**
 * Change of keys with overlap: the new one comes into use while the old one is still believed.
 *
 * Each step makes a new keys file out of the one before, so that both are there until every process
 * has the new one: rotate, give readers the new settings, let signers use the new file, retire, give
 * readers the settings again. Of a signing key that was rotated only the public half is kept.
 * The order of the steps stands in docs/operations.md.
 */

import { createHash } from 'node:crypto';
import { epochKeyId } from '../../src/document/digest.ts';
import { SltdError } from '../../src/errors.ts';
import { fromHex, toHex } from '../../src/format/names.ts';
import {
  createEpochKey,
  createJwk,
  createSeal,
  KEY_ROLES,
  type KeyRole,
  type KeysFile,
} from './keys.ts';

/** Every key by the name that people use for it. */
export const KEY_NAMES = [...KEY_ROLES, 'epoch', 'seal'] as const;

export type KeyName = (typeof KEY_NAMES)[number];

/**
 * The keys with a new one under this name, and the one in use until now as the previous one. Throws
 * 'config-invalid' while there is still a previous one: readers may need it.
 */
export function rotateKey(keys: KeysFile, name: KeyName): KeysFile {
  if (previousOf(keys, name) !== undefined) {
    throw new SltdError('config-invalid', { detail: `retire the previous ${name} key first` });
  }
  if (name === 'epoch') {
    return { ...keys, epochKey: createEpochKey(), previousEpochKey: keys.epochKey };
  }
  if (name === 'seal') return { ...keys, seal: createSeal(), previousSeal: keys.seal };
  const previous = { ...keys.previous, [name]: keys[name].x };
  return { ...keys, [name]: createJwk(), previous };
}

/** The keys without the previous one of this name; 'config-invalid' if there is none. */
export function retireKey(keys: KeysFile, name: KeyName): KeysFile {
  if (previousOf(keys, name) === undefined) {
    throw new SltdError('config-invalid', { detail: `there is no previous ${name} key` });
  }
  const { previousEpochKey, previousSeal, previous, ...rest } = keys;
  const others = { ...previous };
  if (name !== 'epoch' && name !== 'seal') delete others[name];
  return {
    ...rest,
    ...(previousEpochKey && name !== 'epoch' ? { previousEpochKey } : {}),
    ...(previousSeal && name !== 'seal' ? { previousSeal } : {}),
    ...(Object.keys(others).length > 0 ? { previous: others } : {}),
  };
}

/** Id of a key and of the one before it: 32 hexadecimal digits, nothing that is secret. */
export interface KeyIds {
  name: KeyName;
  current: string;
  previous: string | undefined;
}

/** The ids of all keys, as manifests and signatures name them (docs/format.md section 3). */
export function keyIdsOf(keys: KeysFile): Promise<KeyIds[]> {
  return Promise.all(
    KEY_NAMES.map(async (name) => {
      const idOf = ID_OF[kindOf(name)];
      const previous = previousOf(keys, name);
      return {
        name,
        current: await idOf(currentOf(keys, name)),
        previous: previous === undefined ? undefined : await idOf(previous),
      };
    }),
  );
}

const kindOf = (name: KeyName) => (name === 'epoch' || name === 'seal' ? name : 'signing');

const hashId = (label: string, text: string): string =>
  createHash('sha256').update(label).update(Buffer.from(text, 'base64url')).digest('hex');

const ID_OF = {
  epoch: async (hex: string) => toHex(await epochKeyId(fromHex(hex))),
  // No format names it: the id is only for people who compare two machines.
  seal: async (text: string) => hashId('sltd-seal-key', text).slice(0, 32),
  signing: async (text: string) => hashId('', text).slice(0, 32),
};

const currentOf = (keys: KeysFile, name: KeyName): string =>
  name === 'epoch' ? keys.epochKey : name === 'seal' ? keys.seal : keys[name as KeyRole].x;

const previousOf = (keys: KeysFile, name: KeyName): string | undefined =>
  name === 'epoch'
    ? keys.previousEpochKey
    : name === 'seal'
      ? keys.previousSeal
      : keys.previous?.[name];
