import { describe, expect, it } from 'vitest';
import {
  CLASS_LETTER,
  classesOfMrz,
  classesOfQuery,
  classesOfRecord,
  DOCUMENT_CLASSES,
  DOCUMENT_TYPES,
} from '../../src/document/document-class.ts';

describe('document types', () => {
  it('are the 63 codes, each once, with P, I and V as the only families', () => {
    expect(DOCUMENT_TYPES).toHaveLength(63);
    expect(new Set(DOCUMENT_TYPES.map(({ code }) => code)).size).toBe(63);
    expect(DOCUMENT_TYPES.filter(({ family }) => family).map(({ code }) => code)).toEqual([
      'I',
      'P',
      'V',
    ]);
  });

  it('have one class letter each, in key order', () => {
    expect(DOCUMENT_CLASSES.map((cls) => CLASS_LETTER[cls]).join('')).toBe('PIVO');
  });

  it('are indexed under their class first, under no class twice', () => {
    for (const { code, class: cls } of DOCUMENT_TYPES) {
      const classes = classesOfRecord(code)!;
      expect(classes[0]).toBe(cls);
      expect(new Set(classes).size).toBe(classes.length);
    }
  });
});

describe('promise 1: a record and a question about it share a class', () => {
  it('whether the question names the type, its family or nothing', () => {
    const families = { P: 'passport', I: 'identity', V: 'visa' };
    for (const { code, class: cls } of DOCUMENT_TYPES) {
      const record = classesOfRecord(code)!;
      const asked = [classesOfQuery(code)!, classesOfQuery(cls)!, classesOfQuery(undefined)!];
      const family = Object.entries(families).find(([, name]) => name === cls);
      if (family) asked.push(classesOfQuery(family[0])!);
      for (const classes of asked) expect(classes.some((c) => record.includes(c))).toBe(true);
    }
  });

  it('whatever MRZ the document carries that its type allows', () => {
    const travel = ['RFP', 'ALP', 'TTD', 'EMD', 'LAP', 'SIB', 'OTH', 'SPE'];
    const codes = ['P', 'PR', 'I', 'ID', 'AC', 'C', 'X', 'TD'];
    for (const type of travel) {
      for (const code of codes) {
        for (const format of ['TD1', 'TD2', 'TD3'] as const) {
          const asked = classesOfMrz(code, format);
          expect(asked.some((cls) => classesOfRecord(type)!.includes(cls))).toBe(true);
        }
      }
    }
  });

  it('a passport card is asked as a passport too', () => {
    expect(classesOfMrz('IP', 'TD1')).toEqual(['passport', 'identity']);
    expect(classesOfMrz('P', 'TD2')).toContain('identity');
  });

  it('a residence permit may be a sticker with the MRZ of a visa', () => {
    for (const type of ['RES', 'PRP', 'TRP']) expect(classesOfRecord(type)).toContain('visa');
  });

  it('"other" asks every class, because it is said by who does not know', () => {
    for (const text of ['other', 'OTH', 'OTX', 'SPE']) {
      expect([...classesOfQuery(text)!].sort()).toEqual([...DOCUMENT_CLASSES].sort());
    }
  });

  it('a document code that does not belong to the format asks every class', () => {
    expect(classesOfMrz('V', 'TD1')).toEqual(DOCUMENT_CLASSES);
    expect(classesOfMrz('I', 'TD3')).toEqual(DOCUMENT_CLASSES);
    expect(classesOfMrz('P', 'MRV-A')).toEqual(DOCUMENT_CLASSES);
    expect(classesOfMrz('', 'TD3')).toEqual(DOCUMENT_CLASSES);
    expect(classesOfMrz('D1', 'TD1')).toEqual(DOCUMENT_CLASSES);
  });
});

describe('a class in doubt costs, so a clear one asks no more than needed', () => {
  it('a passport booklet, an identity card and a visa ask one class', () => {
    expect(classesOfMrz('P', 'TD3')).toEqual(['passport']);
    expect(classesOfMrz('PD', 'TD3')).toEqual(['passport']);
    expect(classesOfMrz('ID', 'TD1')).toEqual(['identity']);
    expect(classesOfMrz('VC', 'MRV-B')).toEqual(['visa']);
    expect(classesOfQuery(' Passport ')).toEqual(['passport']);
    expect(classesOfQuery('pas')).toEqual(['passport']);
  });

  it('unknown text has no class', () => {
    for (const text of ['', 'x', 'PASSPORTS', 'toString', '__proto__', 'P'.repeat(1000)]) {
      expect(classesOfQuery(text)).toBeUndefined();
      expect(classesOfRecord(text)).toBeUndefined();
    }
    expect(classesOfRecord('passport')).toBeUndefined();
    expect(classesOfRecord(' rfp')).toEqual(classesOfRecord('RFP'));
  });
});
