/**
 * Check digit of an MRZ field: weights 7, 3, 1 from the first character on, modulo 10.
 *
 * ICAO Doc 9303-3 section 4.9: a digit counts its value, A to Z count 10 to 35, a filler 0.
 * Anything else makes the sum not a number, so that no check digit can ever fit it.
 */

/** Stands in the table for what has no value; it is the only entry with this bit. */
const NO_VALUE = 0x80;

/** By character code below 128. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x5a) return code - 0x37;
  return code === 0x3c ? 0 : NO_VALUE;
});

/** Value of a character code; NaN outside A-Z, 0-9 and '<'. */
export function characterValue(code: number): number {
  const value = VALUES[code] ?? NO_VALUE;
  return value === NO_VALUE ? Number.NaN : value;
}

/** Weight of the character at this index of the checked text, counted from 0. */
export function weightAt(index: number): number {
  const phase = index % 3;
  return phase === 0 ? 7 : phase === 1 ? 3 : 1;
}

/**
 * Weighted sum, not yet modulo 10, of text[from, to) as if it began at `index` of the checked text.
 * NaN if a character has no value.
 */
export function weightedSum(text: string, from: number, to: number, index = 0): number {
  let sum = 0;
  let seen = 0;
  let phase = index % 3;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? VALUES[code]! : NO_VALUE;
    seen |= value;
    sum += value * (phase === 0 ? 7 : phase === 1 ? 3 : 1);
    phase = phase === 2 ? 0 : phase + 1;
  }
  return (seen & NO_VALUE) === 0 ? sum : Number.NaN;
}

/** True if the digit with this character code closes a text of that weighted sum. */
export function closesSum(sum: number, checkCode: number): boolean {
  return checkCode >= 0x30 && checkCode <= 0x39 && sum % 10 === checkCode - 0x30;
}
