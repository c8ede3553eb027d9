import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  importStateCode,
  ISSUING_STATES,
  parseStateCode,
  relatedStates,
} from '../../src/document/issuing-state.ts';

describe('the table of issuing states', () => {
  it('has every ISO state once, and the special codes of Doc 9303-3', () => {
    const codes = ISSUING_STATES.map(({ code }) => code as string);
    expect(new Set(codes).size).toBe(codes.length);
    expect(ISSUING_STATES.filter(({ alpha2 }) => alpha2)).toHaveLength(249);
    for (const special of 'D GBD GBN GBO GBP GBS RKS EUE UNO UNA UNK XOM XPO XXA XXX UTO'.split(
      ' ',
    )) {
      expect(codes).toContain(special);
    }
    expect(codes).not.toContain('DEU');
    for (const code of codes) expect(code).toMatch(/^[A-Z]{1,3}$/);
  });

  it('marks the specimen state', () => {
    expect(ISSUING_STATES.find(({ code }) => code === 'UTO')!.name).toContain('specimen');
  });
});

describe('promise 1: one state has one code, however it is written', () => {
  it.each([
    ['D', 'D'],
    ['D<<', 'D'],
    ['d', 'D'],
    ['DEU', 'D'],
    ['deu', 'D'],
    [' gbr ', 'GBR'],
    ['GBR', 'GBR'],
    ['uto', 'UTO'],
    ['XXK', 'RKS'],
    ['XKX', 'RKS'],
    ['ROM', 'ROU'],
  ])('the code %j is %s', (text, code) => {
    expect(parseStateCode(text)).toBe(code);
    expect(importStateCode(text)).toBe(code);
  });

  it.each([
    ['Germany', 'D'],
    ['GERMANY', 'D'],
    ['Allemagne', 'D'],
    ["Allemagne (l')", 'D'],
    ['Deutschland', 'D'],
    ['DE', 'D'],
    ['de', 'D'],
    ['UK', 'GBR'],
    ['LA', 'LAO'],
    ['United Kingdom', 'GBR'],
    ['The Netherlands', 'NLD'],
    ['Netherlands (the)', 'NLD'],
    ['Pays-Bas', 'NLD'],
    ['CÔTE D’IVOIRE', 'CIV'],
    ['Cote dIvoire', 'CIV'],
    ['Türkiye', 'TUR'],
    ['Turkey', 'TUR'],
    ['Korea, Republic of', 'KOR'],
    ['Korea (Republic of)', 'KOR'],
    ['Republic of Korea', 'KOR'],
    ['Iran (Islamic Republic of)', 'IRN'],
    ['Islamic Republic of Iran', 'IRN'],
    ['Iran', 'IRN'],
    ['Tanzania', 'TZA'],
    ['Åland Islands', 'ALA'],
    ['Aland Islands', 'ALA'],
    ['Trinidad & Tobago', 'TTO'],
    ['Kosovo', 'RKS'],
    ['Niger', 'NER'],
    ['Nigeria', 'NGA'],
    ['Congo, Democratic Republic of the', 'COD'],
    ['Congo-Brazzaville', 'COG'],
  ])('an export may say %j for %s', (text, code) => {
    expect(importStateCode(text)).toBe(code);
  });

  it('every name and alpha-2 code of the table is imported as its own code', () => {
    for (const { code, name, alpha2 } of ISSUING_STATES) {
      if (alpha2) expect(importStateCode(alpha2)).toBe(code);
      // Both Congos go by the short name of one of them.
      if (code !== 'COG') expect(importStateCode(name)).toBe(code);
    }
  });

  it('a name that two states claim is refused, not guessed', () => {
    for (const text of [
      'Congo',
      'Congo (the)',
      'Korea',
      'Virgin Islands',
      'Saint Martin',
      'Guine',
    ]) {
      expect(importStateCode(text)).toBeUndefined();
    }
  });

  it('a question may not bring names or alpha-2 codes', () => {
    for (const text of ['Germany', 'DE', 'GB', 'U', '', '<', '<<<', 'D<<<D', 'ZZZ', 'UT0']) {
      expect(parseStateCode(text)).toBeUndefined();
    }
  });

  it('any text gives a code of the table or none', () => {
    const codes = new Set<string | undefined>(ISSUING_STATES.map(({ code }) => code)).add(
      undefined,
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(codes.has(parseStateCode(text))).toBe(true);
        expect(codes.has(importStateCode(text))).toBe(true);
      }),
    );
    for (const text of ['constructor', '__proto__', 'toString']) {
      expect(importStateCode(text)).toBeUndefined();
    }
  });
});

describe('issuers of one family', () => {
  it('know each other both ways, and never themselves', () => {
    for (const { code } of ISSUING_STATES) {
      expect(relatedStates(code)).not.toContain(code);
      for (const other of relatedStates(code)) {
        expect(relatedStates(other)).toContain(code);
        expect(parseStateCode(other)).toBe(other);
      }
    }
    expect(relatedStates(parseStateCode('GBD')!)).toContain('GBR');
    expect(relatedStates(parseStateCode('D')!)).toEqual([]);
  });
});
