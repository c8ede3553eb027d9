import fc from 'fast-check';
import { parse as parseByOracle } from 'mrz';
import { describe, expect, it } from 'vitest';
import { type Mrz, parseMrz } from '../../src/document/mrz.ts';
import { renderMrz } from '../support/render-mrz.ts';
import { anyDate, anyName, anyState, numberOf, textOf } from './arbitraries.ts';

const TD1 = [
  'I<UTOD231458907<<<<<<<<<<<<<<<',
  '7408122F1204159UTO<<<<<<<<<<<6',
  'ERIKSSON<<ANNA<MARIA<<<<<<<<<<',
];
const TD2 = ['I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<', 'D231458907UTO7408122F1204159<<<<<<<6'];
const TD3 = [
  'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
  'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
];
const MRV_B = ['V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<', 'L8988901C4XXX4009078F9612109<<<<<<<<'];

const read = (text: string): Mrz => {
  const mrz = parseMrz(text);
  if (!mrz.ok) throw new Error('unreadable');
  return mrz;
};
const isReadable = (text: string): boolean => parseMrz(text).ok;

describe('what readers send', () => {
  const zones = { TD1, TD2, TD3, MRV_B };
  it.each(Object.entries(zones))('%s is the same with any line end, or joined', (_name, lines) => {
    const expected = read(lines.join('\n'));
    for (const between of ['\r\n', '\r', '\n\n', '\n \n', ' \r\n ', '', ' ', '\u2028']) {
      expect(read(lines.join(between))).toEqual(expected);
    }
  });

  it.each(Object.entries(zones))(
    '%s is the same in lower case and inside controls',
    (_n, lines) => {
      const text = lines.join('\r');
      for (const sent of [text.toLowerCase(), `\u0002${text}\r\n\u0003`, `\ufeff  ${text} \0`]) {
        expect(read(sent)).toEqual(read(text));
      }
    },
  );

  it.each(Object.entries(zones))('%s may have blanks for fillers', (_name, lines) => {
    const blank = lines.map((line) => line.replaceAll('<', ' '));
    const expected = read(lines.join('\n'));
    expect(read(blank.join('\r\n'))).toEqual(expected);
    expect(read(blank.join(''))).toEqual(expected);
  });

  it('blanks cut off at the end of a line are put back where another line has the width', () => {
    for (const lines of [TD1, TD2, TD3]) {
      const cut = lines.map((line) => line.replaceAll('<', ' ').trimEnd());
      expect(read(cut.join('\n'))).toEqual(read(lines.join('\n')));
    }
  });

  it('a joined TD1 that lost its last blanks is not read as a zone of another format', () => {
    const [first = '', second = ''] = TD1.map((line) => line.replaceAll('<', ' '));
    expect(isReadable(`${first}${second}ERIKSSON ANN`)).toBe(false);
    expect(isReadable(`${first}${second}ERIKSSON  ANNA MARIA JOSEPHIN`)).toBe(false);
  });

  it('a line with fillers and a character too few or too many is unreadable', () => {
    for (const lines of [TD1, TD2, TD3, MRV_B]) {
      for (let i = 0; i < lines.length; i++) {
        expect(isReadable(lines.with(i, lines[i]!.slice(0, -1)).join('\n'))).toBe(false);
        expect(isReadable(lines.with(i, `${lines[i]}<`).join('\n'))).toBe(false);
      }
    }
  });

  it('text of over 256 characters is unreadable', () => {
    const [first, second] = TD3;
    expect(isReadable(`${first}\n${second}`.padEnd(256, '\n'))).toBe(true);
    expect(isReadable(`${first}\n${second}`.padEnd(257, '\n'))).toBe(false);
  });

  it('any text gives a zone or mrz-unreadable', () => {
    const fragments = fc.constantFrom(...TD1, ...TD2, ...TD3, ...MRV_B, '\n', '\r', ' ', '<', '\0');
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.array(fragments, { maxLength: 6 }).map((parts) => parts.join('')),
      textOf('<A0 P', 88, 90),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const mrz = parseMrz(text);
        if (!mrz.ok) expect(mrz).toEqual({ ok: false, code: 'mrz-unreadable' });
        else expect(mrz.documentNumber.length).toBeLessThanOrEqual(23);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the document number', () => {
  it('decides by its own check digit alone', () => {
    const [first, second] = TD3;
    const wrongComposite = read(`${first}\n${second!.slice(0, 43)}7`);
    expect(wrongComposite.numberCheck).toBe('valid');
    expect(wrongComposite.checks.composite).toBe(false);
    expect(read(`${first}\nL898902C4${second!.slice(9)}`).numberCheck).toBe('invalid');
  });

  it('is repaired nowhere: a letter O for a zero stays and breaks the check digit', () => {
    const [first, second] = TD3;
    const mrz = read(`${first}\n${second!.replace('L898902C3', 'L8989O2C3')}`);
    expect(mrz).toMatchObject({ documentNumber: 'L8989O2C3', numberCheck: 'invalid' });
  });

  it('that lost its first character is invalid even where the check digit cannot tell', () => {
    const lines = renderMrz({ format: 'TD3', ...UTOPIAN, documentNumber: 'A12345678' });
    const [first = '', second = ''] = lines;
    for (const lost of ['<', ' ']) {
      expect(read(`${first}\n${second.replace('A', lost)}`).numberCheck).toBe('invalid');
    }
  });

  it('of only fillers has no wrong check digit', () => {
    const lines = renderMrz({ format: 'TD3', ...UTOPIAN, documentNumber: '' });
    expect(read(lines.join('\n'))).toMatchObject({ documentNumber: '', numberCheck: 'valid' });
  });

  it('S1: without a check digit is only believed if the composite digit vouches for it', () => {
    const [first = '', second = ''] = TD3;
    const unproved = `${first}\n${second.slice(0, 9)}<${second.slice(10)}`;
    const digits = Array.from('0123456789');
    const zones = digits.map((digit) => read(`${unproved.slice(0, -1)}${digit}`));
    const proved = zones.filter(({ checks }) => checks.composite);
    expect(proved).toHaveLength(1);
    expect(proved[0]).toMatchObject({ documentNumber: 'L898902C3', numberCheck: 'absent' });
    const others = zones.filter(({ checks }) => !checks.composite);
    expect(others.every(({ numberCheck }) => numberCheck === 'invalid')).toBe(true);
    const card = read(TD1.join('\n').replace('D231458907', 'D23145890<'));
    expect(card).toMatchObject({ documentNumber: 'D23145890', numberCheck: 'invalid' });
  });

  it('S1: of a visa must have its check digit: no other vouches for it', () => {
    const visa = renderMrz({
      ...{ format: 'MRV-A', documentCode: 'V', issuingState: 'UTO', documentNumber: 'L898902C3' },
      ...{ birthDate: '740812', expiryDate: '300415' },
    });
    const second = visa[1] ?? '';
    const mrz = read(`${visa[0]}\n${second.slice(0, 9)}<${second.slice(10)}`);
    expect(mrz).toMatchObject({ documentNumber: 'L898902C3', numberCheck: 'invalid' });
  });

  it('is read long under both habits, and the short reading is kept beside', () => {
    const formats = fc.constantFrom('TD1' as const, 'TD2' as const);
    const habits = fc.constantFrom('with-filler' as const, 'without-filler' as const);
    fc.assert(
      fc.property(formats, habits, numberOf(10, 22), (format, longNumberHabit, documentNumber) => {
        const number = documentNumber.slice(0, format === 'TD1' ? 22 : 14);
        const fields = { format, ...UTOPIAN, documentNumber: number, longNumberHabit };
        const mrz = read(renderMrz(fields).join('\n'));
        expect(mrz.documentNumber).toBe(number);
        expect(mrz.numberCheck).toBe('valid');
        expect(mrz.otherNumbers).toEqual([number.slice(0, 9)]);
      }),
    );
  });

  it('S1: of a Russian internal passport has the digit that stands apart, or is not known', () => {
    const lines = renderMrz({
      format: 'TD3',
      documentCode: 'PN',
      issuingState: 'RUS',
      documentNumber: '380734578',
      birthDate: '800101',
      optionalData: '2041201770001',
    });
    const zone = lines.join('\n');
    expect(read(zone)).toMatchObject({ fullNumber: '3802734578', numberCheck: 'valid' });
    const at = zone.indexOf('2041201770001');
    for (const misread of 'O<19') {
      const damaged = read(zone.slice(0, at) + misread + zone.slice(at + 1));
      expect(damaged.numberCheck).toBe('invalid');
      expect(damaged.fullNumber).toBeUndefined();
    }
  });
});

const UTOPIAN = { documentCode: 'I', issuingState: 'UTO', birthDate: '740812' };

describe('a rendered zone', () => {
  const documents = fc.record({
    format: fc.constantFrom('TD1', 'TD2', 'TD3', 'MRV-A', 'MRV-B', 'FRA-ID'),
    issuingState: anyState,
    nationality: anyState,
    documentNumber: numberOf(1, 9),
    birthDate: anyDate,
    sex: fc.constantFrom('M', 'F', 'X', '<'),
    expiryDate: anyDate,
    name: anyName,
    optionalData: numberOf(0, 6),
  });
  const CODES = { TD1: 'ID', TD2: 'I', TD3: 'P', 'MRV-A': 'V', 'MRV-B': 'VC', 'FRA-ID': 'ID' };

  it('gives its fields back, all check digits right, in any of the six formats', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const format = document.format as keyof typeof CODES;
        const isFrench = format === 'FRA-ID';
        const issuingState = isFrench ? 'FRA' : document.issuingState;
        const fields = { ...document, format, documentCode: CODES[format], issuingState };
        if (isFrench) fields.documentNumber = fields.documentNumber.padEnd(12, '7');
        const mrz = read(renderMrz(fields).join('\n'));
        const { name: _name, optionalData: _optional, ...expected } = fields;
        if (isFrench) {
          const { nationality: _nationality, expiryDate: _expiry, ...french } = expected;
          expect(mrz).toMatchObject(french);
        } else {
          expect(mrz).toMatchObject(expected);
        }
        expect(mrz.numberCheck).toBe('valid');
        expect(Object.values(mrz.checks)).not.toContain(false);
      }),
      { numRuns: 500 },
    );
  });

  it('is read by another parser in the same way (npm mrz: TD1, TD2, TD3)', () => {
    const formats = fc.constantFrom('TD1' as const, 'TD2' as const, 'TD3' as const);
    // A flaw anywhere but in document code, state and name, by which the oracle tells formats.
    const flaw = fc.option(fc.tuple(fc.boolean(), fc.nat(43), fc.constantFrom(...'09AZ<')));
    fc.assert(
      fc.property(documents, formats, numberOf(1, 13), flaw, (document, format, number, change) => {
        const documentNumber = format === 'TD3' ? number.slice(0, 9) : number;
        const fields = { ...document, format, documentCode: CODES[format], documentNumber };
        const lines = renderMrz({ ...fields, optionalData: '' });
        if (change !== null) {
          const [isFirst, column, letter] = change;
          const row = format === 'TD1' && isFirst ? 0 : 1;
          const line = lines[row]!;
          const at = row === 0 ? 5 + (column % 25) : column % line.length;
          lines[row] = line.slice(0, at) + letter + line.slice(at + 1);
        }
        const [ours, theirs] = [read(lines.join('\n')), parseByOracle(lines)];
        expect(theirs.format).toBe(ours.format);
        // The oracle takes a filler for a check digit of value 0, and inside or before a number.
        const check = theirs.details.find(({ field }) => field === 'documentNumberCheckDigit');
        const isEmptyOrShifted = ours.documentNumber === '' || /^<|<./.test(ours.documentNumber);
        if (isEmptyOrShifted || ours.numberCheck === 'absent') return;
        expect(ours.numberCheck === 'valid').toBe(check!.valid);
        if (ours.numberCheck !== 'valid') return;
        expect(ours.documentNumber).toBe(theirs.documentNumber);
        expect(ours.issuingState).toBe(lines[0]!.slice(2, 5).replace(/<+$/, ''));
        const theirComposite = theirs.details.find(({ field }) => field === 'compositeCheckDigit');
        expect(ours.checks.composite).toBe(theirComposite!.valid);
      }),
      { numRuns: 500 },
    );
  });

  it("never gives the holder's name away", () => {
    expect(JSON.stringify(read(TD3.join('\n')))).not.toMatch(/ERIKSSON|ANNA|MARIA/);
    expect(JSON.stringify(read(TD1.join('\n')))).not.toMatch(/ERIKSSON|ANNA|MARIA/);
  });
});
