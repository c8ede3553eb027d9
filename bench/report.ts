/** The findings of one run as a page: a table, with each spread drawn beside its median, and plots. */

import { type Finding, isGap, isMeasurement, isPlot, type Measurement } from './measurement.ts';
import { escapeHtml, figure, plotHtml } from './plot.ts';

/** Minimum to maximum as a bar, the median as a mark, on a scale from 0 to the maximum. */
function spreadBar({ min, median, max }: Measurement['spread']): string {
  if (!(max > 0)) return '';
  const x = (value: number) => (value / max) * 160;
  return (
    `<svg width="164" height="14" role="img" aria-label="from ${figure(min)} to ${figure(max)}">` +
    '<line x1="2" y1="7" x2="162" y2="7" stroke="#ccc"/>' +
    `<rect x="${x(min) + 2}" y="4" width="${Math.max(1, x(max) - x(min))}" height="6" fill="#7aa6d8"/>` +
    `<rect x="${x(median) + 1}" y="1" width="2" height="12" fill="#123"/></svg>`
  );
}

function row({ question, value, unit, spread, goal, holds }: Measurement): string {
  const verdict = goal === '' ? '' : holds ? 'holds' : 'missed';
  return (
    `<tr class="${verdict}"><td>${escapeHtml(question)}</td><td class="n">${figure(value)}</td>` +
    `<td>${escapeHtml(unit)}</td><td>${spreadBar(spread)}</td>` +
    `<td>${escapeHtml(goal)}</td><td>${verdict}</td></tr>`
  );
}

const tableOf = (measurements: readonly Measurement[]): string =>
  '<table><thead><tr><th>question</th><th>median</th><th>unit</th><th>spread</th><th>goal</th><th></th></tr></thead>' +
  `<tbody>\n${measurements.map(row).join('\n')}\n</tbody></table>`;

/** A self-contained page: no scripts, nothing fetched. */
export function reportHtml(
  findings: readonly Finding[],
  run: { machine: string; command: string; date: string },
): string {
  const measurements = findings.filter(isMeasurement);
  const plots = findings.filter(isPlot);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>sltd-edge benchmarks</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #ddd; padding: 0.35rem 0.6rem; text-align: left; }
  .n { font-variant-numeric: tabular-nums; text-align: right; }
  .missed td { background: #fdecea; }
  section svg { max-width: 100%; height: auto; }
  details table { width: auto; }
</style></head><body>
<h1>Benchmarks</h1>
<p>${escapeHtml(run.machine)}<br><code>${escapeHtml(run.command)}</code>, ${escapeHtml(run.date)}</p>
<p>Medians; the bar runs from the fastest to the slowest run, on a scale that starts at 0.</p>
<h2>Goals</h2>
${tableOf(measurements.filter(({ goal }) => goal !== ''))}
${findings
  .filter(isGap)
  .map(({ gap }) => `<p>Not measured: ${escapeHtml(gap)}.</p>`)
  .join('\n')}
${plots.map(plotHtml).join('\n')}
<h2>Everything measured</h2>
${tableOf(measurements)}
</body></html>
`;
}
