/**
 * The profiles by name, and those that a mapping file describes.
 */

import { SltdError } from '../../src/errors.ts';
import { mappingTextOf, parseMapping, readMapping } from './mapping.ts';
import type { Profile } from './profile.ts';
import { CZ_MVCR, CZ_MVCR_IDENTITY, CZ_MVCR_PASSPORT } from './profiles/cz-mvcr.ts';
import { RU_MVD } from './profiles/ru-mvd.ts';
import { SLTD } from './profiles/sltd.ts';
import { UA_MVS } from './profiles/ua-mvs.ts';

/** Every built-in profile, in the order of docs/export-profiles.md. */
export const PROFILES: readonly Profile[] = [
  SLTD,
  RU_MVD,
  UA_MVS,
  CZ_MVCR,
  CZ_MVCR_IDENTITY,
  CZ_MVCR_PASSPORT,
];

/** A profile by its name, or by a mapping file; 'config-invalid' if there is neither or both. */
export function findProfile(options: { profile?: string; mapping?: string }): Profile {
  if ((options.profile === undefined) === (options.mapping === undefined)) {
    throw new SltdError('config-invalid', { detail: 'give either a profile or a mapping' });
  }
  if (options.mapping !== undefined) return readMapping(options.mapping);
  const found = PROFILES.find(({ name }) => name === options.profile);
  if (!found) {
    const names = PROFILES.map(({ name }) => name).join(', ');
    throw new SltdError('config-invalid', { detail: `the profiles are ${names}` });
  }
  return found;
}

/** What another thread can make the same profile of. */
export type ProfileSource = { name: string } | { mapping: string };

/** The source of a profile that came from findProfile(); undefined for any other. */
export function sourceOf(profile: Profile): ProfileSource | undefined {
  if (PROFILES.includes(profile)) return { name: profile.name };
  const mapping = mappingTextOf(profile);
  return mapping === undefined ? undefined : { mapping };
}

/** The profile that a source stands for. */
export function profileFrom(source: ProfileSource): Profile {
  return 'name' in source ? findProfile({ profile: source.name }) : parseMapping(source.mapping);
}
