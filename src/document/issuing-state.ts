/**
 * Issuing state: any spelling that a record or a question brings becomes the one ICAO code.
 *
 * Codes: ICAO Doc 9303-3 section 5, which takes ISO 3166-1 alpha-3 and adds its own; fillers are
 * dropped here. A question may bring codes only. An export may also bring alpha-2 codes and names.
 * A name that could mean two states means none: a record filed under the wrong state would let its
 * document pass (promise 1), a rejected row is counted and seen.
 */

import {
  ALPHA2_ALIASES,
  CODE_ALIASES,
  ISO_ROWS,
  NAME_ALIASES,
  SPECIAL_ROWS,
} from './issuing-state-table.ts';

/** ICAO Doc 9303-3 code without fillers: 'D', 'UTO', 'GBD'. */
export type StateCode = string & { readonly __brand: 'StateCode' };

interface IssuingState {
  code: StateCode;
  name: string;
  alpha2?: string;
  alpha3?: string;
}

/** Germany's code in an MRZ is its historic vehicle sign, not ISO's DEU (9303-3 section 5). */
const GERMANY = 'D';

const codeOfRow = (alpha3: string): StateCode => (alpha3 === 'DEU' ? GERMANY : alpha3) as StateCode;

/** Every issuing state and organization; UTO is the specimen state and never a real issuer. */
export const ISSUING_STATES: readonly IssuingState[] = [
  ...ISO_ROWS.map(([alpha3, alpha2, name]) => ({ code: codeOfRow(alpha3), name, alpha2, alpha3 })),
  ...SPECIAL_ROWS.map(([code, name]) => ({ code: code as StateCode, name })),
];

/** Codes as written: without fillers, with fillers, and the aliases. No allocation on a hit. */
const CODES: ReadonlyMap<string, StateCode> = (() => {
  const codes = new Map<string, StateCode>();
  for (const { code } of ISSUING_STATES) {
    codes.set(code, code);
    codes.set(code.padEnd(3, '<'), code);
  }
  for (const [alias, code] of CODE_ALIASES) codes.set(alias, code as StateCode);
  return codes;
})();

const CODE_TEXT_LENGTH_MAX = 16;
const NAME_LENGTH_MAX = 128;

/**
 * The state of a code as an MRZ, an officer or a system writes it ('D<<', 'd', ' gbr ', 'DEU').
 * Undefined for what is no code of the table; names and alpha-2 codes are none.
 */
export function parseStateCode(text: string): StateCode | undefined {
  const exact = CODES.get(text);
  if (exact !== undefined || text.length > CODE_TEXT_LENGTH_MAX) return exact;
  const trimmed = text.trim().toUpperCase();
  let end = trimmed.length;
  while (end > 0 && trimmed.charCodeAt(end - 1) === 0x3c) end--;
  return CODES.get(trimmed.slice(0, end).trim());
}

/**
 * The state that a column of an export means: a code, an alpha-2 code, or a name in English or
 * French in any case, with or without accents, articles and brackets. Undefined on any doubt.
 */
export function importStateCode(text: string): StateCode | undefined {
  const code = parseStateCode(text);
  if (code !== undefined || text.length > NAME_LENGTH_MAX) return code;
  const trimmed = text.trim();
  if (trimmed.length === 2) return ALPHA2.get(trimmed.toUpperCase());
  names ??= buildNames();
  return names.get(foldName(trimmed));
}

/** Apart from the names, because 'LA' is Laos and also an article. */
const ALPHA2: ReadonlyMap<string, StateCode> = new Map([
  ...ISO_ROWS.map(([alpha3, alpha2]) => [alpha2, codeOfRow(alpha3)] as const),
  ...ALPHA2_ALIASES.map(([alpha2, code]) => [alpha2, code as StateCode] as const),
]);

/** Built at the first import, because only the nightly build and the central service need names. */
let names: ReadonlyMap<string, StateCode> | undefined;

const ARTICLES = new Set(['THE', 'LE', 'LA', 'LES', 'L']);

/** Letters only, upper case, without accents and articles: 'Bahamas (the)' is 'BAHAMAS'. */
function foldName(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toUpperCase()
    .replaceAll('Ø', 'O')
    .replaceAll('&', ' AND ');
  return plain
    .split(/[^A-Z]+/)
    .filter((word) => !ARTICLES.has(word) && word !== '')
    .join('');
}

/**
 * The spellings of one official name: as it stands, and with the bracket or comma part in front.
 */
function spellingsOf(name: string): string[] {
  const bracket = /^([^([]+)[([]([^)\]]*)[)\]](.*)$/.exec(name);
  if (bracket) return [name, `${bracket[2]} ${bracket[1]}`];
  const comma = /^([^,]+), ([^,]+)$/.exec(name);
  return comma ? [name, `${comma[2]} ${comma[1]}`] : [name];
}

function buildNames(): ReadonlyMap<string, StateCode> {
  const found = new Map<string, StateCode | undefined>();
  const add = (name: string, code: StateCode): void => {
    const folded = foldName(name);
    const known = found.get(folded);
    // Two states claim the name: it means none.
    found.set(folded, found.has(folded) && known !== code ? undefined : code);
  };
  for (const [alpha3, , english, french] of ISO_ROWS) {
    const code = codeOfRow(alpha3);
    for (const name of [...spellingsOf(english), ...spellingsOf(french)]) add(name, code);
  }
  for (const [code, name] of SPECIAL_ROWS) add(name, code as StateCode);
  for (const [code, name] of NAME_ALIASES) add(name, code as StateCode);
  found.delete('');
  const certain = new Map<string, StateCode>();
  for (const [name, code] of found) if (code !== undefined) certain.set(name, code);
  return certain;
}

/**
 * Groups of issuers of which one writes the records and another stands in the MRZ: British
 * nationals overseas and the United Kingdom, the two regions whose passports say CHN, Kosovo before
 * and after its own code, the two codes of a United Nations laissez-passer.
 */
const FAMILIES: readonly (readonly string[])[] = [
  ['GBR', 'GBD', 'GBN', 'GBO', 'GBP', 'GBS'],
  ['CHN', 'HKG', 'MAC'],
  ['RKS', 'UNK'],
  ['UNO', 'UNA'],
];

const NO_STATES: readonly StateCode[] = [];

const RELATED: ReadonlyMap<string, readonly StateCode[]> = new Map(
  FAMILIES.flatMap((family) =>
    family.map((code) => [code, family.filter((other) => other !== code) as StateCode[]] as const),
  ),
);

/** Other issuers under whose code a record of this one may stand; at most five, mostly none. */
export function relatedStates(state: StateCode): readonly StateCode[] {
  return RELATED.get(state) ?? NO_STATES;
}
