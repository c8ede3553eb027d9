import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey, canonicalNumber } from '../../src/document/canonical-key.ts';
import { classesOfRecord, DOCUMENT_TYPES } from '../../src/document/document-class.ts';
import { importStateCode, ISSUING_STATES } from '../../src/document/issuing-state.ts';
import { parseMrz } from '../../src/document/mrz.ts';
import {
  type DocumentQuery,
  probesOf,
  type QueryResult,
  queryFromFields,
  queryFromMrz,
} from '../../src/document/query.ts';
import { renderMrz } from '../support/render-mrz.ts';
import { anyDate, anyState, numberOf, textOf } from './arbitraries.ts';

/** The keys under which the build files a record. */
function keysOfRecord(type: string, issuer: string, number: string): string[] {
  const state = importStateCode(issuer)!;
  const canonical = canonicalNumber(number, state);
  if (!canonical.ok) throw new Error(canonical.code);
  return classesOfRecord(type)!.map((cls) => canonicalKey(cls, state, canonical.value));
}

function queryOf(result: QueryResult): DocumentQuery {
  if (!result.ok) throw new Error(result.code);
  return result.query;
}

function finds(result: QueryResult, type: string, issuer: string, number: string): boolean {
  const keys = keysOfRecord(type, issuer, number);
  return probesOf(queryOf(result)).some(({ key }) => keys.includes(key));
}

type Zone = Parameters<typeof renderMrz>[0];
const zone = (fields: Partial<Zone>): string =>
  renderMrz({
    format: 'TD3',
    documentCode: 'P',
    issuingState: 'UTO',
    documentNumber: 'L898902C3',
    birthDate: '740812',
    expiryDate: '300415',
    ...fields,
  }).join('\n');

describe('promise 1: a listed document is found', () => {
  it.each(['D', 'DEU', 'DE', 'Germany', 'Allemagne', 'd'])(
    'filed for %s, read as D<<',
    (issuer) => {
      const result = queryFromMrz(zone({ issuingState: 'D', documentNumber: 'C01X00T47' }));
      expect(finds(result, 'PAS', issuer, 'C01X00T47')).toBe(true);
    },
  );

  it.each(['AB 123-456', 'ab123456', 'AB/123456', 'AB123456<', 'АБ123456', '\u2116AB 123456'])(
    'filed as %s, read as AB123456<',
    (number) => {
      const result = queryFromMrz(zone({ documentNumber: 'AB123456' }));
      expect(finds(result, 'PAS', 'UTO', number)).toBe(true);
      const fields = { number: 'AB123456', issuingState: 'UTO' };
      expect(finds(queryFromFields(fields), 'PAS', 'UTO', number)).toBe(true);
    },
  );

  it('filed with leading zeros, read with them; without them it is another document', () => {
    const result = queryFromMrz(zone({ documentNumber: '000123456' }));
    expect(finds(result, 'PAS', 'UTO', '000 123 456')).toBe(true);
    expect(finds(result, 'PAS', 'UTO', '123456')).toBe(false);
  });

  it.each([
    ['TD1', 'with-filler'],
    ['TD1', 'without-filler'],
    ['TD2', 'with-filler'],
    ['TD2', 'without-filler'],
  ] as const)('filed with its long number or its first nine, read as %s %s', (format, habit) => {
    const fields = { format, documentCode: 'ID', issuingState: 'BEL' } as const;
    const text = zone({ ...fields, documentNumber: '590240601234', longNumberHabit: habit });
    expect(finds(queryFromMrz(text), 'IDC', 'BEL', '590-2406012-34')).toBe(true);
    expect(finds(queryFromMrz(text), 'IDC', 'BEL', '590240601')).toBe(true);
  });

  it.each(['V', 'VSA', 'TDS', 'CVS'])('filed as %s, read as a visa of either format', (type) => {
    for (const format of ['MRV-A', 'MRV-B'] as const) {
      const text = zone({ format, documentCode: 'V' });
      expect(finds(queryFromMrz(text), type, 'UTO', 'L898902C3')).toBe(true);
    }
  });

  it('filed with a Cyrillic series in either script, asked in either script', () => {
    const written = ['ВС 123456', 'BC 123456', 'ВC 123456', 'BС 123456', 'вс123456'];
    for (const issuer of ['RUS', 'UKR', 'BLR', 'SRB']) {
      for (const record of written) {
        for (const number of written) {
          const result = queryFromFields({ number, issuingState: issuer });
          expect(finds(result, 'PAS', issuer, record)).toBe(true);
        }
      }
    }
  });

  it('filed in Cyrillic, read from an MRZ that prints the look-alike Latin letters', () => {
    const text = zone({ issuingState: 'BLR', documentNumber: 'MP1234567' });
    expect(finds(queryFromMrz(text), 'PAS', 'BLR', 'МР1234567')).toBe(true);
    expect(finds(queryFromMrz(text), 'PAS', 'BLR', 'MP1234567')).toBe(true);
  });

  it('filed without the mark of a letter that ICAO spells with two', () => {
    const fields = { number: 'Ä123', issuingState: 'AUT' };
    for (const record of ['AE123', 'A123', 'ä 123']) {
      expect(finds(queryFromFields(fields), 'PAS', 'AUT', record)).toBe(true);
    }
  });

  it('filed with the ten digits of a Russian internal passport, read from its MRZ', () => {
    const text = zone({
      documentCode: 'PN',
      issuingState: 'RUS',
      documentNumber: '380734578',
      optionalData: '2041201770001',
    });
    for (const type of ['PAS', 'IDC', 'NAP']) {
      expect(finds(queryFromMrz(text), type, 'RU', '3802 734578')).toBe(true);
    }
  });

  it('filed for the United Kingdom, read as of a British overseas citizen', () => {
    const text = zone({ issuingState: 'GBD', documentNumber: '712514326' });
    expect(finds(queryFromMrz(text), 'PAS', 'GBR', '712514326')).toBe(true);
    const macao = zone({ issuingState: 'CHN', documentNumber: 'MA1234567' });
    expect(finds(queryFromMrz(macao), 'PAS', 'Macao', 'MA1234567')).toBe(true);
  });

  it('filed under any type of a family, asked by the family or by nothing', () => {
    for (const { code, class: cls } of DOCUMENT_TYPES) {
      for (const documentClass of [undefined, cls, code]) {
        const fields = { number: 'X1', issuingState: 'UTO', documentClass };
        expect(finds(queryFromFields(fields), code, 'UTO', 'X1')).toBe(true);
      }
    }
  });

  it('filed rightly, read with a confusion that the check digit cannot see', () => {
    const text = zone({ documentNumber: '612345678' });
    expect(finds(queryFromMrz(text), 'PAS', 'UTO', 'G12345678')).toBe(true);
  });

  it('with any number and issuer, by zone and by fields', () => {
    const formats = fc.constantFrom('TD1' as const, 'TD2' as const, 'TD3' as const);
    fc.assert(
      fc.property(formats, anyState, numberOf(1, 9), anyDate, (format, state, number, birth) => {
        const fields = { format, issuingState: state, documentNumber: number, birthDate: birth };
        const text = zone({ ...fields, documentCode: format === 'TD3' ? 'P' : 'I' });
        const type = format === 'TD3' ? 'PAS' : 'IDC';
        expect(finds(queryFromMrz(text), type, state, number)).toBe(true);
        expect(finds(queryFromFields({ number, issuingState: state }), type, state, number)).toBe(
          true,
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('doubt asks more, and a class given beside a zone takes none away', () => {
  it('a class that contradicts the zone is added to it', () => {
    const result = queryOf(queryFromMrz(zone({}), 'identity'));
    expect(result.classes).toEqual(['passport', 'identity']);
    expect(queryOf(queryFromMrz(zone({}), 'passport')).classes).toEqual(['passport']);
    expect(queryOf(queryFromMrz(zone({}))).classes).toEqual(['passport']);
  });

  it('a number with a filler inside is not taken as verified', () => {
    const [first = '', second = ''] = zone({ documentNumber: 'AB<123456' }).split('\n');
    const query = queryOf(queryFromMrz(`${first}\n${second}`));
    expect(query).toMatchObject({ numbers: ['AB123456'], checkDigit: 'none' });
    expect(queryOf(queryFromMrz(zone({}))).checkDigit).toBe('verified');
  });
});

describe('what cannot be asked is refused with a code', () => {
  it.each([
    ['not a zone', undefined, 'mrz-unreadable'],
    [zone({}).replace('L898902C3', 'L898902C4'), undefined, 'number-check-digit'],
    [zone({ documentNumber: '' }), undefined, 'number-missing'],
    [zone({ issuingState: 'ZZZ' }), undefined, 'state-unknown'],
    [zone({ issuingState: 'UT0' }), undefined, 'state-unknown'],
    [zone({}), 'ship', 'class-unknown'],
  ])('zone %#', (text, documentClass, code) => {
    expect(queryFromMrz(text, documentClass)).toEqual({ ok: false, code });
  });

  it.each([
    [{ number: '', issuingState: 'D' }, 'number-missing'],
    [{ number: 'A#1', issuingState: 'D' }, 'number-bad-character'],
    [{ number: 'A'.repeat(33), issuingState: 'D' }, 'number-too-long'],
    [{ number: 'A1', issuingState: 'Germany' }, 'state-unknown'],
    [{ number: 'A1', issuingState: '' }, 'state-unknown'],
    [{ number: 'A1', issuingState: 'D', documentClass: 'ship' }, 'class-unknown'],
    [{ number: 'A1', issuingState: 'D', documentClass: '' }, 'class-unknown'],
  ])('fields %#', (fields, code) => {
    expect(queryFromFields(fields)).toEqual({ ok: false, code });
  });

  it('any zone and any fields give a query or a code', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 140 }),
      textOf('AZ09<PID ', 88, 90),
      numberOf(1, 20),
    );
    fc.assert(
      fc.property(text, text, fc.option(text, { nil: undefined }), (a, b, documentClass) => {
        const asked = queryFromFields({ number: a, issuingState: b, documentClass });
        for (const result of [asked, queryFromMrz(a), queryFromMrz(a, documentClass)]) {
          if (result.ok) expect(probesOf(result.query).length).toBeGreaterThan(0);
          else expect(Object.keys(result).sort()).toEqual(['code', 'ok']);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('probes', () => {
  const texts = fc.oneof(numberOf(1, 32), textOf('АВСЕНРХУ12ÄÖ', 1, 8), textOf('0OB8', 1, 30));

  it('are at most 64, each key once, exact ones first and complete', () => {
    const classes = fc.constantFrom(undefined, 'passport', 'identity', 'OTH', 'LAP', 'RFP');
    fc.assert(
      fc.property(texts, anyState, classes, (number, issuingState, documentClass) => {
        const result = queryFromFields({ number, issuingState, documentClass });
        if (!result.ok) return;
        const { query } = result;
        const probes = probesOf(query);
        expect(probes.length).toBeLessThanOrEqual(64);
        expect(new Set(probes.map(({ key }) => key)).size).toBe(probes.length);
        const exact = probes.filter(({ spelling }) => spelling === 'exact');
        expect(probes.slice(0, exact.length)).toEqual(exact);
        const states = 1 + (query.alsoStates?.length ?? 0);
        expect(exact).toHaveLength(query.classes.length);
        const readings = probes.filter(({ spelling }) => spelling !== 'look-alike');
        expect(probes.slice(0, readings.length)).toEqual(readings);
        expect(readings).toHaveLength(query.classes.length * query.numbers.length * states);
        for (const { number: spelled, state } of exact) {
          expect([spelled, state]).toEqual([query.numbers[0], query.state]);
        }
        for (const { key, documentClass: cls, state, number: spelled } of probes) {
          expect(key).toBe(canonicalKey(cls, state, spelled));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of the widest zone still fit: every class, two readings, every related issuer', () => {
    for (const { code } of ISSUING_STATES) {
      for (const [format, documentCode] of [
        ['TD1', 'X'],
        ['TD2', 'X'],
        ['TD3', 'X'],
      ] as const) {
        const documentNumber = format === 'TD3' ? 'BCHPXY123' : 'BCHPXY123PXY';
        const text = zone({ format, documentCode, issuingState: code, documentNumber });
        const probes = probesOf(queryOf(queryFromMrz(text)));
        expect(probes.length).toBeLessThanOrEqual(64);
      }
    }
  });

  it('of a plain passport are few: one class, one number', () => {
    const probes = probesOf(queryOf(queryFromMrz(zone({ documentNumber: 'C01X00T47' }))));
    expect(probes[0]).toEqual({
      key: 'PUTOC01X00T47',
      state: 'UTO',
      spelling: 'exact',
      number: 'C01X00T47',
      documentClass: 'passport',
    });
    expect(probes.length).toBeLessThan(30);
    expect(probes.slice(1).every(({ spelling }) => spelling === 'look-alike')).toBe(true);
  });

  it('keep the check digit of the first reading; any other reading has none', () => {
    const query = queryOf(queryFromMrz(zone({ documentNumber: 'C01X00T47' })));
    const numbers = (asked: DocumentQuery) => probesOf(asked).map(({ number }) => number);
    expect(query.checkDigit).toBe('verified');
    expect(numbers(query)).toContain('CU1X00T47');
    expect(numbers(query)).not.toContain('CO1X00T47');
    expect(numbers({ ...query, numbers: ['C01X00T47', 'B7'] })).toContain('87');
  });

  it('S3: only the number as read, of the state as read, is exact', () => {
    const spellingOf = (result: QueryResult, key: string) =>
      probesOf(queryOf(result)).find((probe) => probe.key === key)?.spelling;
    const typed = queryFromFields({
      number: 'L898902C36',
      issuingState: 'UTO',
      documentClass: 'P',
    });
    expect(spellingOf(typed, 'PUTOL898902C36')).toBe('exact');
    expect(spellingOf(typed, 'PUTOL898902C3')).toBe('other-reading');
    const british = queryFromFields({ number: '1', issuingState: 'GBR', documentClass: 'P' });
    expect(spellingOf(british, 'PGBS1')).toBe('other-reading');
    const internal = queryFromMrz(
      zone({
        ...{ documentCode: 'PN', issuingState: 'RUS', documentNumber: '380734578' },
        optionalData: '2041201770001',
      }),
    );
    expect(spellingOf(internal, 'PRUS3802734578')).toBe('exact');
    expect(spellingOf(internal, 'PRUS380734578')).toBe('other-reading');
  });

  it('ask a spelling once, even if it is a look-alike of one reading and itself another', () => {
    const query = queryOf(queryFromMrz(zone({})));
    const keys = probesOf({ ...query, numbers: ['B7', '87'], checkDigit: 'none' }).map(
      (p) => p.key,
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('come with the zone they were read from', () => {
    const text = zone({});
    expect(queryFromMrz(text)).toMatchObject({ ok: true, mrz: parseMrz(text) });
  });
});
