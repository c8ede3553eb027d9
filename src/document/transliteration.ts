/**
 * Transliteration tables: what a letter of a national script is in the characters of an MRZ.
 *
 * ICAO Doc 9303-3 section 6: Latin letters with diacritics, Cyrillic, Arabic, with the exceptions
 * that the tables note for single states. Where a table offers several spellings, the first one
 * stands here. Letters are upper case and normalized (NFKC). Greek is not in Doc 9303: Greek
 * documents use the letters that have a Latin twin and print the twin in the MRZ, the remaining
 * letters follow ISO 843.
 */

/** Latin letters that are not their base letter; all others lose their marks. */
const LATIN = 'ÄAE ÅAA ÆAE ÖOE ØOE ÜUE ÐD ĐD ĦH İI ŁL ŊN ŒOE ÞTH ẞSS ŦT ĿL';

const CYRILLIC =
  'АA БB ВV ГG ДD ЕE ЁE ЖZH ЗZ ИI ІI ЙI КK ЛL МM НN ОO ПP РR СS ТT УU ФF ХKH ЦTS ЧCH ШSH ЩSHCH ' +
  'ЫY ЪIE Ь ЭE ЮIU ЯIA ѴY ҐG ЎU ѪU ЃG ЂD ЅDZ ЈJ ЌK ЉLJ ЊNJ ЋC ҺC ЏDZ ЄIE ЇI';

const GREEK = 'ΑA ΒB ΓG ΔD ΕE ΖZ ΗH ΘTH ΙI ΚK ΛL ΜM ΝN ΞX ΟO ΠP ΡP ΣS ΤT ΥY ΦF ΧX ΨPS ΩO';

/** Vowel signs and four letters are "not encoded" in the table; teh marbuta: see below. */
const ARABIC =
  '\u0621XE \u0622XAA \u0623XAE \u0624U \u0625I \u0626XI \u0627A \u0628B \u0629XTA \u062aT \u062bXTH ' +
  '\u062cJ \u062dXH \u062eXKH \u062fD \u0630XDH \u0631R \u0632Z \u0633S \u0634XSH \u0635XSS \u0636XDZ ' +
  '\u0637XTT \u0638XZZ \u0639E \u063aG \u0640 \u0641F \u0642Q \u0643K \u0644L \u0645M \u0646N \u0647H ' +
  '\u0648W \u0649XAY \u064aY \u064b \u064c \u064d \u064e \u064f \u0650 \u0652 \u0670 \u0671XXA ' +
  '\u0679XXT \u067cXRT \u067eP \u0681XKE \u0685XXH \u0686XC \u0688XXD \u0689XDR \u0691XXR \u0693XRR ' +
  '\u0696XRX \u0698XJ \u069aXXS \u069c \u06a2 \u06a7 \u06a8 \u06a9XKK \u06abXXK \u06adXNG \u06afXGG ' +
  '\u06baXNN \u06bcXXN \u06beXDO \u06c0XYH \u06c1XXG \u06c2XGE \u06c3XTG \u06ccXYA \u06cdXXY \u06d0Y ' +
  '\u06d2XYB \u06d3XBE';

const tableOf = (rows: string): ReadonlyMap<string, string> =>
  new Map(rows.split(' ').map((row) => [row.charAt(0), row.slice(1)]));

const LETTERS: ReadonlyMap<string, string> = tableOf(`${LATIN} ${CYRILLIC} ${GREEK} ${ARABIC}`);

const SERBIAN = tableOf('ГH ЖZ ХH ЦC ЧC ШS');

/** Exceptions of the Cyrillic table, by issuing state. */
const BY_STATE: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ['BLR', tableOf('ГH ЁIO')],
  ['BGR', tableOf('ЩSHT')],
  ['BIH', SERBIAN],
  ['MKD', tableOf('ХH ЦC ЃGJ ЌKJ ЏDJ')],
  ['MNE', SERBIAN],
  ['SRB', SERBIAN],
  ['UKR', tableOf('ГH ИY')],
]);

/** Ukrainian letters at the start of a word (note to the table). */
const UKRAINIAN_INITIAL = tableOf('ЄYE ЇYI ЙY ЮYU ЯYA');

/** Doubles the letter before it (9303-3, note to the Arabic table). */
const SHADDA = '\u0651';
/** XTA inside a word, XAH at its end (note to the Arabic table). */
const TEH_MARBUTA = '\u0629';

/** Where a letter stands: both notes of the tables depend on it. */
interface LetterPlace {
  /** No letter stands right before it. */
  isInitial: boolean;
  /** Nothing follows it. */
  isFinal: boolean;
  /** What the letter before it became; '' if none. */
  previous: string;
}

/**
 * The MRZ characters of one upper-case, NFKC-normalized character: '' where the table drops it,
 * undefined where no table has it.
 */
export function transliterate(
  letter: string,
  state: string,
  place: LetterPlace,
): string | undefined {
  if (letter === SHADDA) return place.previous;
  if (letter === TEH_MARBUTA) return place.isFinal ? 'XAH' : 'XTA';
  if (state === 'UKR' && place.isInitial) {
    const initial = UKRAINIAN_INITIAL.get(letter);
    if (initial !== undefined) return initial;
  }
  if (!usesCyrillic(state)) {
    // On a number without Cyrillic letters they came off a keyboard, for the shape they share.
    const twin = latinTwin(letter);
    if (twin !== undefined) return twin;
  }
  const known = BY_STATE.get(state)?.get(letter) ?? LETTERS.get(letter);
  if (known !== undefined) return known;
  // Any other Latin letter is its base letter: Á, Ş, Ơ. NFD puts the base first.
  const base = letter.normalize('NFD').charAt(0);
  return base !== letter && base >= 'A' && base <= 'Z' ? base : undefined;
}

/** Latin letters and the Cyrillic ones that look the same, in step. */
const LATIN_TWINS = 'ABCEHIKMOPTXY';
const CYRILLIC_TWINS = 'АВСЕНІКМОРТХУ';

/** The Cyrillic letter that looks like this upper-case Latin one. */
export function cyrillicTwin(latin: string): string | undefined {
  const at = LATIN_TWINS.indexOf(latin);
  return at < 0 ? undefined : CYRILLIC_TWINS.charAt(at);
}

/** The Latin letter that looks like this upper-case Cyrillic one. */
export function latinTwin(cyrillic: string): string | undefined {
  const at = CYRILLIC_TWINS.indexOf(cyrillic);
  return at < 0 ? undefined : LATIN_TWINS.charAt(at);
}

const CYRILLIC_STATES = new Set(
  'AZE BGR BIH BLR KAZ KGZ MDA MKD MNE MNG RUS SRB TJK TKM UKR UZB'.split(' '),
);

/** True where documents, or the registers they came from, have series in Cyrillic letters. */
export function usesCyrillic(state: string): boolean {
  return CYRILLIC_STATES.has(state);
}
