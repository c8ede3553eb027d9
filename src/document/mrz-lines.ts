/**
 * MRZ lines: from what a reader sends to two or three lines of the right width.
 *
 * Readers differ: CR, LF or none between the lines, STX and ETX around them, lower case, blanks
 * beside the lines or in place of the fillers (then often cut off at the end of a line). All of
 * that is undone here; nothing is guessed: a line of a wrong width with fillers in it stays wrong,
 * because a shifted zone would be a wrong number with one chance in ten of a fitting check digit.
 */

export type MrzFormat = 'TD1' | 'TD2' | 'TD3' | 'MRV-A' | 'MRV-B' | 'FRA-ID';

/** The lines of a zone, upper case, blanks as fillers; characters that no MRZ has are kept. */
export interface MrzLines {
  width: 30 | 36 | 44;
  lines: readonly string[];
  /** The lines came joined, without a filler to count by: the dates must prove the shape. */
  isShapeUncertain: boolean;
}

/** No zone is longer: 3 lines of 30 with line ends, and room for blanks around each. */
const TEXT_LENGTH_MAX = 256;
const LINES_MAX = 3;

const WIDTHS = [30, 36, 44] as const;
const lineCountOf = (width: 30 | 36 | 44): number => (width === 30 ? 3 : 2);

/** The lines of a zone, or undefined if the text has not the shape of one. */
export function mrzLines(text: string): MrzLines | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  const clean = cleanLines(text);
  if (clean !== undefined) return clean;
  const parts = splitLines(text);
  if (parts === undefined || parts.length === 0) return undefined;
  return parts.length === 1 ? cutJoined(parts[0]!) : fitLines(parts);
}

const LINE_FEED = 0x0a;

/** What most readers send: full lines of A-Z, 0-9 and fillers, a line feed between them. */
function cleanLines(text: string): MrzLines | undefined {
  for (const width of WIDTHS) {
    const count = lineCountOf(width);
    if (text.length !== width * count + count - 1) continue;
    const lines: string[] = [];
    for (let line = 0; line < count; line++) {
      const from = line * (width + 1);
      const to = from + width;
      for (let i = from; i < to; i++) if (!isClean(text.charCodeAt(i))) return undefined;
      if (line + 1 < count && text.charCodeAt(to) !== LINE_FEED) return undefined;
      lines.push(text.slice(from, to));
    }
    return { width, lines, isShapeUncertain: false };
  }
  return undefined;
}

const isControl = (code: number): boolean =>
  code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0xfeff;
const isLineEnd = (code: number): boolean =>
  (code >= 0x0a && code <= 0x0d) || code === 0x85 || code === 0x2028 || code === 0x2029;
const isBlank = (code: number): boolean =>
  code === 0x20 || code === 0x09 || code === 0xa0 || (code >= 0x2000 && code <= 0x200a);

/** The lines that have something on them, without control characters around; at most three. */
function splitLines(text: string): string[] | undefined {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && !isLineEnd(text.charCodeAt(i))) continue;
    let from = start;
    let to = i;
    start = i + 1;
    while (from < to && isControlNotTab(text.charCodeAt(from))) from++;
    while (to > from && isControlNotTab(text.charCodeAt(to - 1))) to--;
    if (isAllBlank(text, from, to)) continue;
    if (parts.length === LINES_MAX) return undefined;
    parts.push(text.slice(from, to));
  }
  return parts;
}

const isControlNotTab = (code: number): boolean => isControl(code) && code !== 0x09;

function isAllBlank(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isBlank(text.charCodeAt(i))) return false;
  return true;
}

/** The text without blanks at both ends. */
function core(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

/** Upper case, and a filler for each blank. Clean text comes back as it is. */
function normalize(line: string): string {
  let i = 0;
  while (i < line.length && isClean(line.charCodeAt(i))) i++;
  if (i === line.length) return line;
  let out = line.slice(0, i);
  for (; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (isBlank(code)) out += '<';
    else out += code >= 0x61 && code <= 0x7a ? String.fromCharCode(code - 0x20) : line[i];
  }
  return out;
}

const isClean = (code: number): boolean =>
  (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x3c;

/**
 * Two or three lines. One of them must have the full width, which tells the format; a line that
 * uses blanks for fillers may have lost the last ones.
 */
function fitLines(parts: readonly string[]): MrzLines | undefined {
  for (const width of WIDTHS) {
    if (parts.length !== lineCountOf(width)) continue;
    if (!parts.some((part) => hasWidth(part, width))) continue;
    const lines: string[] = [];
    for (const part of parts) {
      const line = fitLine(part, width);
      if (line === undefined) return undefined;
      lines.push(line);
    }
    return { width, lines, isShapeUncertain: false };
  }
  return undefined;
}

const hasWidth = (part: string, width: number): boolean =>
  part.length === width || core(part).length === width;

function fitLine(part: string, width: number): string | undefined {
  const inner = core(part);
  if (inner.length === width) return normalize(inner);
  if (part.length === width) return normalize(part);
  const lostBlanks = inner.length < width && !inner.includes('<');
  return lostBlanks ? normalize(inner).padEnd(width, '<') : undefined;
}

/** One line: the lines of a zone without anything, or with one blank, between them. */
function cutJoined(part: string): MrzLines | undefined {
  return cutExact(core(part)) ?? cutExact(part);
}

function cutExact(text: string): MrzLines | undefined {
  for (const width of WIDTHS) {
    const count = lineCountOf(width);
    const isUncertain = !text.includes('<');
    if (text.length === width * count) {
      const lines = cut(text, width, count, width);
      return { width, lines, isShapeUncertain: isUncertain };
    }
    if (text.length === width * count + count - 1 && isBlank(text.charCodeAt(width))) {
      const lines = cut(text, width, count, width + 1);
      return { width, lines, isShapeUncertain: isUncertain };
    }
  }
  return undefined;
}

function cut(text: string, width: number, count: number, step: number): string[] {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) lines.push(normalize(text.slice(i * step, i * step + width)));
  return lines;
}
