/**
 * A page about one build, for whoever releases it: one HTML file that needs nothing else.
 *
 * No script, no font, no address: it opens on a machine without a line. Counts only, never a number of
 * a document. Charts are SVG in the text; each has its figures beside it.
 */

import { writeFileSync } from 'node:fs';
import { SltdError } from '../../src/errors.ts';
import { NOTE_REASONS, REJECT_REASONS } from '../import/rejects.ts';
import type { BuildSummary } from '../pipeline.ts';
import { barChart, escaped } from './bar-chart.ts';
import { bitsPerKey, filterRates } from './summary.ts';

/** States that get a bar of their own; the others share one. */
const BARS_MAX = 20;

/** Writes the page; 'config-invalid' if it cannot be written. */
export function writeReport(path: string, summary: BuildSummary): void {
  try {
    writeFileSync(path, reportHtml(summary), { mode: 0o644 });
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'report file not writable', cause });
  }
}

/** The page as text. */
export function reportHtml(summary: BuildSummary): string {
  const { verified } = summary;
  const asOf = isoOf(summary.asOf);
  const figures: [string, string][] = [
    ['Records in force', number(summary.records)],
    ['Rows read', number(summary.rows)],
    ['Rows accepted', number(summary.accepted)],
    ['Rows rejected', number(summary.rejected)],
    ['Documents missing', number(verified.missing)],
    ['False candidates', `${number(verified.falseCandidates)} of ${number(verified.nonMembers)}`],
  ];
  const facts: [string, string][] = [
    ['Edition', `<code>${summary.edition}</code>`],
    ['Collection, profile', `${escaped(summary.collection)}, ${escaped(summary.profile)}`],
    ['Sequence', number(summary.sequence)],
    ['As of', asOf],
    ['Published', isoOf(summary.issuedAt)],
    ['Keys (one a class and number)', number(summary.keys)],
    ['Equal keys merged', number(summary.keys - summary.records)],
    ['Taken out by differences', number(summary.withdrawn)],
    ['Compared with', comparedText(summary)],
  ];
  const space: [string, string][] = [
    ['Pages', `${number(verified.pages)}, ${number(verified.pageBytes)} bytes`],
    ['Seeds given up, keys displaced', `${number(summary.reseeds)}, ${number(summary.evictions)}`],
  ];
  const notes = [...summary.notes].map(([code, count]): [string, string] => [
    `${code}: ${NOTE_REASONS[code]}`,
    number(count),
  ]);
  const files = summary.files.map(({ name, rows, rejected }): [string, string] => [
    escaped(name),
    `${number(rows)} rows, ${number(rejected)} rejected`,
  ]);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Edition ${summary.sequence} of ${escaped(summary.collection)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Edition ${number(summary.sequence)} of ${escaped(summary.collection)}</h1>
<p>Complete up to ${asOf}. Verified: every record of the export was asked of the written pages.</p>
<dl class="figures">${figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>
<h2>Records by state</h2>
${stateChart(summary)}
<h2>What is in force</h2>
${table(facts)}
<h2>Pages</h2>
${table(space)}
${spaceCharts(summary)}
<h3>Fill of the shards, of ${number(summary.keysPerShard)} keys each</h3>
${fillChart(summary)}
<h3>What the filter lets through</h3>
${filterChart(summary)}
<h2>Files</h2>
${table(files)}
<h2>Rejected rows</h2>
${rejectChart(summary)}
<h2>Rows with less known about them</h2>
${notes.length > 0 ? table(notes) : '<p>None.</p>'}
<h2>Time</h2>
${timeChart(summary)}
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2530; --soft: #5a6673; --line: #d5dbe1; --bar: #2f6690; --ground: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaee; --soft: #a3afba; --line: #3a444e; --bar: #7fb3d5; --ground: #14191e; }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; color: var(--soft); font-weight: 400; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .75rem; margin: 1.2rem 0; }
.figures div { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); font-weight: 400; vertical-align: top; }
td { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
code { font-size: .8rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 13px; } svg rect { fill: var(--bar); }
`;

function table(rows: readonly [string, string][]): string {
  const lines = rows.map(
    ([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  );
  return `<table>${lines.join('')}</table>`;
}

function stateChart({ states, records }: BuildSummary): string {
  const sorted = states.toSorted((a, b) => b.records - a.records);
  const bars: { name: string; records: number }[] = sorted
    .slice(0, BARS_MAX)
    .map(({ state, records }) => ({ name: state, records }));
  const others = sorted.slice(BARS_MAX);
  if (others.length > 0) {
    const sum = others.reduce((total, { records }) => total + records, 0);
    bars.push({ name: `${others.length} others`, records: sum });
  }
  const share = (count: number): string => percent(count / Math.max(1, records));
  return barChart(
    'Records by issuing state',
    bars.map(({ name, records }) => ({
      name,
      value: records,
      label: `${number(records)} (${share(records)})`,
    })),
  );
}

function timeChart({ times }: BuildSummary): string {
  const bars = times.map(({ step, seconds }) => ({
    name: step,
    value: seconds,
    label: `${seconds.toFixed(2)} s`,
  }));
  return barChart('Time by step', bars);
}

function comparedText({ gates: { comparedWith, unchecked } }: BuildSummary): string {
  if (comparedWith === undefined) return 'nothing: the first edition here';
  const left = unchecked.length === 0 ? '' : `, but for ${unchecked.join(', ')}`;
  return `<code>${comparedWith}</code>${left}`;
}

/** Pages by kind: what they weigh, and what of it a key has. */
function spaceCharts({ filterBytes, matchBytes, records }: BuildSummary): string {
  const kinds = [
    { name: 'filter pages', bytes: filterBytes },
    { name: 'match pages', bytes: matchBytes },
  ];
  const bytes = kinds.map(({ name, bytes }) => ({
    ...{ name, value: bytes, label: `${number(bytes)} bytes` },
  }));
  const bits = kinds.map(({ name, bytes }) => {
    const value = bitsPerKey(bytes, records);
    return { name, value, label: value.toFixed(2) };
  });
  return `<h3>Bytes</h3>\n${barChart('Bytes of the pages', bytes)}
<h3>Bits a key</h3>\n${barChart('Bits a key', bits)}`;
}

/** What the filter lets through of documents that are not listed: as asked, and as it has to be. */
function filterChart({ verified }: BuildSummary): string {
  const { measured, theory } = filterRates(verified);
  const bars = [
    { name: 'measured', value: measured, label: percent(measured) },
    { name: 'by theory', value: theory, label: percent(theory) },
  ];
  return barChart('What the filter lets through', bars);
}

/** How full the shards of the large states are: those with one shard say nothing about it. */
function fillChart({ states, keysPerShard }: BuildSummary): string {
  const several = states
    .filter(({ shards }) => shards > 1)
    .toSorted((a, b) => b.shards - a.shards)
    .slice(0, BARS_MAX);
  if (several.length === 0) return '<p>One shard a state.</p>';
  const bars = several.map(({ state, records, shards }) => {
    const fill = records / (shards * keysPerShard);
    const label = `${percent(fill)}, ${number(shards)} shards`;
    return { name: state, value: fill, label };
  });
  return barChart('Fill of the shards by issuing state', bars);
}

function rejectChart({ rejects }: BuildSummary): string {
  if (rejects.size === 0) return '<p>None.</p>';
  const sorted = [...rejects].sort(([, a], [, b]) => b - a);
  const bars = sorted.map(([code, count]) => ({ name: code, value: count, label: number(count) }));
  const reasons = sorted.map(([code]): [string, string] => [code, REJECT_REASONS[code]]);
  return `${barChart('Rejected rows by reason', bars)}\n${table(reasons)}`;
}

const number = (value: number): string => value.toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const isoOf = (time: number): string => new Date(time).toISOString();
