/** Generators that the tests of this folder share. */
import fc from 'fast-check';
import { ISSUING_STATES } from '../../src/document/issuing-state.ts';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Text of these characters. */
export const textOf = (alphabet: string, minLength: number, maxLength: number) =>
  fc
    .array(fc.constantFrom(...alphabet), { minLength, maxLength })
    .map((characters) => characters.join(''));

/** A canonical number. */
export const numberOf = (minLength: number, maxLength: number) =>
  textOf(`${UPPER}0123456789`, minLength, maxLength);

export const anyState = fc.constantFrom(...ISSUING_STATES.map(({ code }) => code));

/** YYMMDD of a day that every year has. */
export const anyDate = fc
  .tuple(fc.nat(99), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(''));

export const anyName = fc
  .tuple(textOf(UPPER, 1, 20), textOf(UPPER, 1, 12))
  .map(([family, given]) => `${family}<<${given}`);
