import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalKey,
  canonicalNumber,
  NUMBER_LENGTH_MAX,
} from '../../src/document/canonical-key.ts';
import { DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import { parseStateCode, type StateCode } from '../../src/document/issuing-state.ts';
import { ERRORS } from '../../src/errors.ts';
import { anyState, numberOf } from './arbitraries.ts';

const state = (code: string): StateCode => parseStateCode(code)!;
const D = state('D');
const canonical = (text: string, code = 'D'): string => {
  const number = canonicalNumber(text, state(code));
  return number.ok ? number.value : number.code;
};

describe('promise 1: a number has one spelling, however it was written', () => {
  it.each([
    'AB123456',
    'ab123456',
    'AB 123-456',
    'AB123456<',
    ' AB/123.456 ',
    'AB\\123456',
    'AB\t123456\r\n',
    'AB\u2013123\u2014456',
    'AB\u2212123456',
    'AB\u00a0123\u2009456',
    'AB\u202f123\u3000456',
    'AB\u00ad123\u200b456\ufeff',
    '\u202aAB123456\u202c',
    '\uff21\uff22\uff11\uff12\uff13\uff14\uff15\uff16',
    '\u2116 AB123456',
    '\u0391\u0392123456',
    'A\u0301B\u0327123456',
    'AB\u0661\u0662\u0663\u0664\u0665\u0666',
    'AB\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6',
    'AB\u0967\u0968\u0969\u096a\u096b\u096c',
    '\u0410\u0411123456',
  ])('%j is AB123456', (text) => {
    expect(canonical(text)).toBe('AB123456');
  });

  it('leading zeros are part of the number', () => {
    expect(canonical('0001234')).toBe('0001234');
    expect(canonical('00-01 234')).toBe('0001234');
  });

  it.each([
    ['Ä1Ö2Ü3ß4', 'AE1OE2UE3SS4', 'D'],
    ['Å1Æ2Ø3Œ4', 'AA1AE2OE3OE4', 'NOR'],
    ['Ñ1Ç2É3Ł4Đ5Þ6', 'N1C2E3L4D5TH6', 'POL'],
    ['Ơ1Ş2ŋ3ı4', 'O1S2N3I4', 'VNM'],
    ['АБВГ1', 'ABVG1', 'RUS'],
    ['ЖХЦЧШЩ', 'ZHKHTSCHSHSHCH', 'RUS'],
    ['Ъ1Ь2Э3Ю4Я5', 'IE12E3IU4IA5', 'RUS'],
    ['ёй1', 'EI1', 'RUS'],
    ['ГИ1', 'HY1', 'UKR'],
    ['ЄЄ1ЇЇ2ЙЙ3ЮЮ4ЯЯ', 'YEIE1YII2YI3YUIU4YAIA', 'UKR'],
    ['ГЁ1', 'HIO1', 'BLR'],
    ['Щ1', 'SHT1', 'BGR'],
    ['ЖХЦЧШ1', 'ZHCCS1', 'SRB'],
    ['ЉЊЏЂЋ', 'LJNJDZDC', 'SRB'],
    ['ХЦЃЌЏЅ', 'HCGJKJDJDZ', 'MKD'],
    ['\u0628 \u06f1\u06f2\u06f3', 'B123', 'IRN'],
    ['\u0634\u06291', 'XSHXTA1', 'IRQ'],
    ['1\u0634\u0629', '1XSHXAH', 'IRQ'],
    ['\u0628\u0651\u064e1', 'BB1', 'IRQ'],
    ['ΑΖ-123', 'AZ123', 'GRC'],
    ['ΗΡΧΥ1', 'HPXY1', 'GRC'],
  ])('%j is %s as ICAO transliterates it for %s', (text, expected, code) => {
    expect(canonical(text, code)).toBe(expected);
  });

  it('a Cyrillic letter on a number of a state without Cyrillic is the Latin one of its shape', () => {
    expect(canonical('С01Х00Т47', 'D')).toBe('C01X00T47');
    expect(canonical('С01Х00Т47', 'RUS')).toBe('S01KH00T47');
    expect(canonical('Ж1', 'D')).toBe('ZH1');
  });

  it('a separator inside a series does not change its letters', () => {
    for (const text of ['ЯЄ1', 'Я-Є1', 'Я Є 1', 'я є/1'])
      expect(canonical(text, 'UKR')).toBe('YAIE1');
  });

  it('digits of any script are the ten digits in order', () => {
    const found = new Map<string, number>();
    for (let code = 0x80; code < 0x20000; code++) {
      const character = String.fromCodePoint(code);
      if (!/^\p{Nd}$/u.test(character)) continue;
      const digit = canonical(character);
      expect(digit).toMatch(/^\d$/);
      found.set(digit, (found.get(digit) ?? 0) + 1);
      const before = String.fromCodePoint(code - 1);
      if (digit !== '0') expect(canonical(before)).toBe(String(Number(digit) - 1));
    }
    expect(new Set(found.values()).size).toBe(1);
    expect(found.size).toBe(10);
  });
});

describe('what is no number is refused, and never half read', () => {
  it.each([
    ['', 'number-missing'],
    [' - <<./', 'number-missing'],
    ['\u200b', 'number-missing'],
    ['\u2116', 'number-missing'],
    ['AB#123', 'number-bad-character'],
    ['AB_123', 'number-bad-character'],
    ['AB,123', 'number-bad-character'],
    ['AB\u0000123', 'number-bad-character'],
    ['N\u00ba123', 'number-bad-character'],
    ['12\u00b2', 'number-bad-character'],
    ['\u00bd', 'number-bad-character'],
    ['\ud800123', 'number-bad-character'],
    ['\u{1f600}123', 'number-bad-character'],
    ['\u4e00\u4e8c', 'number-bad-character'],
    ['\u05d0123', 'number-bad-character'],
    ['A'.repeat(33), 'number-too-long'],
    ['Щ'.repeat(9), 'number-too-long'],
    ['\ufdfa'.repeat(100), 'number-too-long'],
    [' '.repeat(129), 'number-too-long'],
  ])('%j is refused with %s', (text, code) => {
    expect(canonicalNumber(text, D)).toEqual({ ok: false, code });
  });

  it('32 characters are a number, separators not counted', () => {
    expect(canonical('A'.repeat(32))).toBe('A'.repeat(32));
    expect(canonical('A-'.repeat(32))).toBe('A'.repeat(32));
  });

  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 140 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 140 })
      .map((codes) => String.fromCharCode(...codes)),
    fc
      .array(fc.constantFrom(...'aA1Яяй-< .\u0300\u0651\u0629\u0660ßıİ'), { maxLength: 40 })
      .map((parts) => parts.join('')),
  );

  it('any text gives 1 to 32 of A-Z and 0-9, or a known code; what it gives is final', () => {
    fc.assert(
      fc.property(anyText, anyState, (text, code) => {
        const number = canonicalNumber(text, code);
        if (!number.ok) {
          expect(ERRORS).toHaveProperty(number.code);
          return;
        }
        expect(number.value).toMatch(/^[A-Z0-9]{1,32}$/);
        expect(canonicalNumber(number.value, code)).toEqual(number);
      }),
      { numRuns: 2000 },
    );
  });

  it('every single character gives the same in upper and lower case', () => {
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code);
      const lower = character.toLowerCase();
      if (lower === character || lower.toUpperCase() !== character) continue;
      for (const at of ['UKR', 'D']) expect(canonical(lower, at)).toBe(canonical(character, at));
    }
  });
});

describe('the canonical key', () => {
  it('is class letter, padded state and number', () => {
    expect(canonicalKey('passport', D, 'C01X00T47')).toBe('PD<<C01X00T47');
    expect(canonicalKey('visa', state('UTO'), '1')).toBe('VUTO1');
  });

  it('differs where class, state or number differ', () => {
    const parts = fc.tuple(fc.constantFrom(...DOCUMENT_CLASSES), anyState, numberOf(1, 3));
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const isSame = a.every((part, i) => part === b[i]);
        expect(canonicalKey(...a) === canonicalKey(...b)).toBe(isSame);
      }),
      { numRuns: 1000 },
    );
  });

  it('has 5 to 36 characters of ASCII', () => {
    fc.assert(
      fc.property(anyState, numberOf(1, NUMBER_LENGTH_MAX), (code, number) => {
        expect(canonicalKey('other', code, number)).toMatch(/^O[A-Z<]{3}[A-Z0-9]{1,32}$/);
      }),
    );
  });

  it('is never made of a number that is not canonical', () => {
    for (const number of ['', 'a1', 'A<1', 'A 1', 'É', 'A'.repeat(33)]) {
      expect(() => canonicalKey('passport', D, number)).toThrow('assertion failed');
    }
  });
});
