/**
 * Renders machine readable zones, so that tests can ask what a reader would send.
 *
 * The layouts are ICAO Doc 9303-4 to -7 and the French card of 1988, written down here a second
 * time and from the field lists, not from the parser: the two must agree because the standard says
 * so.
 */

interface MrzFields {
  format: 'TD1' | 'TD2' | 'TD3' | 'MRV-A' | 'MRV-B' | 'FRA-ID';
  documentCode: string;
  issuingState: string;
  /** Up to 9 characters; up to 22 in TD1 and 14 in TD2; 12 in FRA-ID. */
  documentNumber: string;
  nationality?: string;
  /** YYMMDD */
  birthDate: string;
  sex?: string;
  /** YYMMDD */
  expiryDate?: string;
  /** As it stands in the zone: 'ERIKSSON<<ANNA<MARIA'; cut where it is too long. */
  name?: string;
  optionalData?: string;
  /** Whether the check digit of a long number counts the filler before its second part. */
  longNumberHabit?: 'without-filler' | 'with-filler';
}

/** The lines of a zone with all check digits right. */
export function renderMrz(fields: MrzFields): string[] {
  const { format, documentCode, issuingState, birthDate, name = 'ERIKSSON<<ANNA' } = fields;
  const {
    nationality = issuingState,
    sex = '<',
    expiryDate = '<<<<<<',
    optionalData = '',
  } = fields;
  const head = fill(documentCode, 2) + fill(issuingState, 3);
  if (format === 'FRA-ID') return renderFrench(head, fields, name, sex);
  const [number, rest] = splitNumber(fields);
  const birth = birthDate + digit(birthDate);
  const expiry = expiryDate + digit(expiryDate);
  const holder = fill(nationality, 3);
  if (format === 'TD1') {
    const optional = fill(rest + optionalData, 15);
    const all = digit(number + optional + birth + expiry + fill('', 11));
    return [
      head + number + optional,
      birth + sex + expiry + holder + fill('', 11) + all,
      fill(name, 30),
    ];
  }
  const width = format === 'TD3' || format === 'MRV-A' ? 44 : 36;
  const upper = head + fill(name, width - 5);
  const middle = number + holder + birth + sex + expiry;
  if (format === 'MRV-A' || format === 'MRV-B') {
    return [upper, middle + fill(optionalData, width - 28)];
  }
  const optional = fill(rest + optionalData, width === 44 ? 14 : 7);
  const checked = width === 44 ? optional + digit(optional) : optional;
  return [upper, middle + checked + digit(number + birth + expiry + checked)];
}

function renderFrench(head: string, fields: MrzFields, name: string, sex: string): string[] {
  const [family = '', given = ''] = name.split('<<');
  const upper = head + fill(family, 25) + fill(fields.optionalData ?? '', 6);
  const number = fill(fields.documentNumber, 12);
  const birth = fields.birthDate + digit(fields.birthDate);
  const lower = number + digit(number) + fill(given, 14) + birth + sex;
  return [upper, lower + digit(upper + lower)];
}

/** The number field with its check digit, and what goes to the optional data. */
function splitNumber({ documentNumber, longNumberHabit }: MrzFields): [string, string] {
  if (documentNumber.length <= 9) {
    const field = fill(documentNumber, 9);
    return [field + digit(field), ''];
  }
  const field = documentNumber.slice(0, 9);
  const rest = documentNumber.slice(9);
  const between = longNumberHabit === 'with-filler' ? '<' : '';
  return [`${field}<`, `${rest}${digit(field + between + rest)}<`];
}

const fill = (text: string, width: number): string => text.slice(0, width).padEnd(width, '<');

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Check digit of 9303-3 section 4.9. */
function digit(text: string): string {
  let sum = 0;
  for (const [i, character] of [...text].entries()) {
    sum += Math.max(0, ALPHABET.indexOf(character)) * [7, 3, 1][i % 3]!;
  }
  return String(sum % 10);
}
