/**
 * What a build did, in a few lines for a person and as one JSON object for a machine.
 */

import type { GateReport } from '../gates/pass-gates.ts';
import type { BuildSummary } from '../pipeline.ts';
import type { VerifyResult } from '../verify/verify-edition.ts';

/** Share of the documents not listed that the filter let through, measured and by theory. */
export function filterRates(verified: VerifyResult): { measured: number; theory: number } {
  const asked = Math.max(1, verified.nonMembers);
  return { measured: verified.filterMaybe / asked, theory: verified.filterExpected / asked };
}

/** One JSON object; its members are part of the tool's interface. */
export function buildSummaryJson(summary: BuildSummary): string {
  const { verified, files, rejects, notes, asOf, issuedAt, ...rest } = summary;
  const rates = filterRates(verified);
  return JSON.stringify({
    ...rest,
    asOf: new Date(asOf).toISOString(),
    issuedAt: new Date(issuedAt).toISOString(),
    files: files.map(({ name, rows, rejected, sizeBytes, sha256 }) => ({
      ...{ name, rows, rejected, sizeBytes, sha256: Buffer.from(sha256).toString('hex') },
    })),
    rejects: Object.fromEntries(rejects),
    notes: Object.fromEntries(notes),
    asked: verified.asked,
    missing: verified.missing,
    wrongCategory: verified.wrongCategory,
    strangers: verified.strangers,
    nonMembers: verified.nonMembers,
    falseCandidates: verified.falseCandidates,
    filterRate: rates.measured,
    filterRateTheory: rates.theory,
    matchBitsPerKey: bitsPerKey(summary.matchBytes, summary.records),
    filterBitsPerKey: bitsPerKey(summary.filterBytes, summary.records),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  });
}

/** Bits of pages for each distinct key. */
export const bitsPerKey = (bytes: number, records: number): number =>
  records === 0 ? 0 : (8 * bytes) / records;

function gatesText({ comparedWith, unchecked }: GateReport): string {
  if (comparedWith === undefined) return 'with nothing: it is the first edition here';
  const left = unchecked.length === 0 ? '' : `; not checked: ${unchecked.join(', ')}`;
  return `with edition ${comparedWith.slice(0, 12)}${left}`;
}

/** A few lines. */
export function buildSummaryText(summary: BuildSummary): string {
  const rates = filterRates(summary.verified);
  const percent = (rate: number): string => `${(100 * rate).toFixed(2)} %`;
  const number = (value: number): string => value.toLocaleString('en-US');
  const seconds = summary.times.reduce((sum, time) => sum + time.seconds, 0);
  const notes = [...summary.notes].map(([code, count]) => `${code} ${number(count)}`);
  const rejects = [...summary.rejects].map(([code, count]) => `${code} ${number(count)}`);
  return [
    `edition    ${summary.edition}`,
    `in force   sequence ${summary.sequence}, as of ${new Date(summary.asOf).toISOString()}`,
    `rows       ${number(summary.rows)}: ${number(summary.accepted)} accepted, ` +
      `${number(summary.rejected)} rejected${rejects.length > 0 ? ` (${rejects.join(', ')})` : ''}`,
    `keys       ${number(summary.keys)}, ${number(summary.records)} of them distinct`,
    `pages      ${number(summary.verified.pages)}, ${number(summary.verified.pageBytes)} bytes`,
    `verified   ${number(summary.verified.asked)} keys, ${summary.verified.missing} missing`,
    `compared   ${gatesText(summary.gates)}`,
    `filter     lets ${percent(rates.measured)} through, in theory ${percent(rates.theory)}`,
    ...(summary.restrictions > 0
      ? [`restricted ${number(summary.restrictions)} pairs of states`]
      : []),
    ...(notes.length > 0 ? [`notes      ${notes.join(', ')}`] : []),
    `time       ${seconds.toFixed(1)} s`,
  ].join('\n');
}
