/**
 * Lines to events: what an edge, its log or the log service of its platform delivers.
 *
 * A line is a check event, or a record of Cloudflare's Workers Trace Events (Logpush) with check
 * events among its messages. Anything else in a log is passed over and counted; a check event that is
 * not whole is counted apart, because it should not be. A line may tell of several collections: only
 * what was asked of this service's own is its business.
 */

import { type CheckEvent, parseCheckLine } from '../../src/format/check-event.ts';

/** 1,000 documents make 12 KB; a trace record with a few of them is below this. */
export const LINE_BYTES_MAX = 256 * 1024;

export interface LineCounts {
  /** Lines that are something else, or about other collections. */
  passedOver: number;
  /** Check events that are not in the form of the page. */
  malformed: number;
}

/**
 * The events of one collection in some lines, in order; adds to `counts`. A line that was too long to be read is
 * undefined, and passed over.
 */
export function eventsOfLines(
  lines: Iterable<string | undefined>,
  collection: string,
  counts: LineCounts,
): CheckEvent[] {
  const events: CheckEvent[] = [];
  for (const line of lines) {
    if (line?.trim() === '') continue;
    const values = line === undefined || line.length > LINE_BYTES_MAX ? [] : valuesOf(line);
    if (values.length === 0) counts.passedOver++;
    for (const value of values) {
      const all = parseCheckLine(value);
      const own = all?.find((event) => event.collection === collection);
      if (own) events.push(own);
      else if (all) counts.passedOver++;
      else counts.malformed++;
    }
  }
  return events;
}

/** What calls itself a check event in a line. */
function valuesOf(line: string): unknown[] {
  const value = jsonOf(line);
  if (isCheck(value)) return [value];
  const logs = (value as { Logs?: unknown } | undefined)?.Logs;
  if (!Array.isArray(logs)) return [];
  return logs
    .flatMap((log: { Message?: unknown } | null) => log?.Message ?? [])
    .map((message) => (typeof message === 'string' ? jsonOf(message) : undefined))
    .filter(isCheck);
}

const isCheck = (value: unknown): boolean =>
  (value as { event?: unknown } | undefined)?.event === 'check';

/** An object of JSON; undefined for anything else. */
function jsonOf(text: string): object | undefined {
  if (!text.includes('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
