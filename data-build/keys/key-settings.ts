/**
 * What each process is given of a keys file: settings for the services, smaller files for commands.
 *
 * A process gets what it needs and no more, so that what is stolen from it opens nothing else. The
 * names of the settings are those of docs/api.md and docs/operations.md.
 */

import { type KeyMember, type KeysFile, publicKeysText } from './keys.ts';

interface Setting {
  /** Whoever knows the value can do what the process can. */
  isSecret: boolean;
  of(keys: KeysFile): string;
}

const secret = (of: Setting['of']): Setting => ({ isSecret: true, of });
const open = (of: Setting['of']): Setting => ({ isSecret: false, of });
const listOf = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(',');

/** Settings of the edge that come from keys. */
export const EDGE_SETTINGS = {
  EPOCH_KEYS: secret((keys) => listOf(keys.epochKey, keys.previousEpochKey)),
  EDITION_KEYS: open((keys) => publicKeysText(keys, 'edition')),
  OVERLAY_KEYS: open((keys) => publicKeysText(keys, 'overlay')),
  HEAD_KEYS: open((keys) => publicKeysText(keys, 'head')),
  CENTRAL_KEYS: open((keys) => publicKeysText(keys, 'central')),
  TOKEN_KEYS: open((keys) => publicKeysText(keys, 'token')),
  EDGE_SIGNING_KEY: secret((keys) => JSON.stringify(keys.edge)),
  SEAL_KEY: secret((keys) => listOf(keys.seal, keys.previousSeal)),
  TAG_KEY: secret((keys) => keys.tag ?? ''),
} as const satisfies Record<string, Setting>;

/** Settings of central that come from keys. */
export const CENTRAL_SETTINGS = {
  CENTRAL_SIGNING_KEY: secret((keys) => JSON.stringify(keys.central)),
  EDGE_KEYS: open((keys) => publicKeysText(keys, 'edge')),
  TOKEN_KEYS: open((keys) => publicKeysText(keys, 'token')),
  TAG_KEY: secret((keys) => keys.tag ?? ''),
} as const satisfies Record<string, Setting>;

/** Settings of the publisher of overlays that come from keys. */
export const PUBLISHER_SETTINGS = {
  OVERLAY_SIGNING_KEY: secret((keys) => JSON.stringify(keys.overlay)),
  HEAD_SIGNING_KEY: secret((keys) => JSON.stringify(keys.head)),
  EPOCH_KEYS: EDGE_SETTINGS.EPOCH_KEYS,
  EDITION_KEYS: EDGE_SETTINGS.EDITION_KEYS,
  OVERLAY_KEYS: EDGE_SETTINGS.OVERLAY_KEYS,
  HEAD_KEYS: EDGE_SETTINGS.HEAD_KEYS,
} as const satisfies Record<string, Setting>;

/** All of them, by name. */
export const KEY_SETTINGS: Readonly<Record<string, Setting>> = {
  ...EDGE_SETTINGS,
  ...CENTRAL_SETTINGS,
  ...PUBLISHER_SETTINGS,
  // Of the bureaus that a training plays.
  TOKEN_SIGNING_KEY: secret((keys) => JSON.stringify(keys.token)),
};

/** The values of a table of settings, by name. */
export function settingValues<T extends Record<string, Setting>>(
  settings: T,
  keys: KeysFile,
): Record<keyof T & string, string> {
  const values = Object.entries(settings).map(([name, { of }]) => [name, of(keys)]);
  return Object.fromEntries(values);
}

/** What a command needs of a keys file, by what the process does. */
export const PROCESS_KEYS = {
  build: ['epochKey', 'edition', 'head'],
  publish: ['epochKey', 'edition', 'overlay', 'head'],
  rollback: ['epochKey', 'edition', 'head'],
  heartbeat: ['head'],
  token: ['token'],
} as const satisfies Record<string, readonly KeyMember[]>;

export type ProcessName = keyof typeof PROCESS_KEYS;

/** A keys file with only what this process needs. */
export function keysOfProcess(keys: KeysFile, name: ProcessName): Partial<KeysFile> {
  const members: readonly KeyMember[] = PROCESS_KEYS[name];
  const shared: Partial<KeysFile> = {};
  for (const member of members) Object.assign(shared, { [member]: keys[member] });
  if (shared.epochKey && keys.previousEpochKey) shared.previousEpochKey = keys.previousEpochKey;
  const previous = Object.entries(keys.previous ?? {}).filter(([role]) => role in shared);
  if (previous.length > 0) shared.previous = Object.fromEntries(previous);
  return shared;
}
