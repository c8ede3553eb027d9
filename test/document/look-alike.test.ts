import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weightedSum } from '../../src/document/check-digit.ts';
import { lookAlikes as changesOf, respell } from '../../src/document/look-alike.ts';
import { numberOf, textOf } from './arbitraries.ts';

const lookAlikes = (number: string, checkDigit: 'verified' | 'none'): string[] =>
  changesOf(number, checkDigit).map((change) => respell(number, change));

const sum = (number: string): number => weightedSum(number, 0, number.length) % 10;
const distance = (a: string, b: string): number => [...a].filter((c, i) => c !== b[i]).length;

describe('a number whose check digit fits', () => {
  it.each([
    ['G12345679', '612345679'],
    ['S12345679', '812345679'],
    ['L23456799', '123456799'],
    ['P12345679', 'F12345679'],
    ['U12345679', '012345679'],
  ])('%s is also asked as %s, which no check digit tells apart', (number, other) => {
    expect(sum(number)).toBe(sum(other));
    expect(lookAlikes(number, 'verified')).toContain(other);
    expect(lookAlikes(other, 'verified')).toContain(number);
  });

  it('with O for 0 at weights 7 and 3 is also asked with both zeros', () => {
    expect(lookAlikes('OO3737371', 'verified')).toContain('003737371');
    expect(lookAlikes('003737371', 'verified')).toContain('OO3737371');
  });

  it('is asked only in spellings that keep the check digit, with at most two changes', () => {
    fc.assert(
      fc.property(numberOf(1, 9), (number) => {
        for (const spelling of lookAlikes(number, 'verified')) {
          expect(sum(spelling)).toBe(sum(number));
          expect(distance(spelling, number)).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('is asked under both habits of counting the filler when it is long', () => {
    // The tenth character weighs 7 without the filler (with 3 before it) and 3 with it.
    expect(lookAlikes('1234567O9O12', 'verified')).toContain('123456709012');
    expect(lookAlikes('123456O89O12', 'verified')).toContain('123456089012');
    expect(lookAlikes('123456789O1O', 'verified')).toContain('123456789010');
    expect(lookAlikes('12345678OO12', 'verified')).not.toContain('123456780012');
    expect(lookAlikes('1234OO789', 'verified')).not.toContain('123400789');
  });
});

describe('a typed number', () => {
  it('is asked with one confusion at a time, and about ten spellings for nine digits', () => {
    expect(lookAlikes('AB1234567', 'none')).toContain('ABI234567');
    expect(lookAlikes('AB1234567', 'none')).toContain('A81234567');
    const counts = ['012345678', '123456789', '902165840', '505162738'].map(
      (number) => lookAlikes(number, 'none').length,
    );
    for (const count of counts) {
      expect(count).toBeGreaterThanOrEqual(6);
      expect(count).toBeLessThanOrEqual(16);
    }
  });

  it('is confused both ways: who reads one for the other may also do the reverse', () => {
    fc.assert(
      fc.property(numberOf(1, 9), (number) => {
        for (const spelling of lookAlikes(number, 'none')) {
          expect(distance(spelling, number)).toBe(1);
          expect(lookAlikes(spelling, 'none')).toContain(number);
        }
      }),
    );
  });

  it('is never asked with one digit for another: that would be an innocent document', () => {
    for (const number of ['0123456789', '9876543210']) {
      for (const spelling of lookAlikes(number, 'none')) expect(spelling).toMatch(/[A-Z]/);
    }
  });
});

describe('spellings of any number', () => {
  it('are never the number itself, each once, canonical, at most 63, in a fixed order', () => {
    const numbers = fc.oneof(numberOf(1, 32), textOf('0O1I8B', 1, 32));
    fc.assert(
      fc.property(numbers, fc.constantFrom('verified', 'none'), (number, check) => {
        const spellings = lookAlikes(number, check as 'verified' | 'none');
        expect(spellings.length).toBeLessThanOrEqual(63);
        expect(new Set(spellings).size).toBe(spellings.length);
        expect(spellings).not.toContain(number);
        for (const spelling of spellings) expect(spelling).toMatch(/^[A-Z0-9]+$/);
        expect(lookAlikes(number, check as 'verified' | 'none')).toEqual(spellings);
      }),
    );
    expect(lookAlikes('0'.repeat(32), 'none')).toHaveLength(63);
  });
});
