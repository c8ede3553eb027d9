/**
 * Report of a joint operation as one HTML page: figures, plots as inline SVG, tables under them.
 *
 * Server-rendered, no script, nothing from elsewhere; prints as it is. As the live page it asks for
 * itself again every five seconds. Every name is escaped: none of it is ours.
 */

import { createHash } from 'node:crypto';
import { escapeHtml } from '../http/escape-html.ts';
import { barPlot, joinNeighbors, largestOf } from './bar-plot.ts';
import type { Figures, OperationReport } from './report.ts';

const REFRESH_SECONDS = 5;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;color:#1b2430;background:#fff;
max-width:60rem;margin:2rem auto;padding:0 1rem}h1{line-height:1.2}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;padding:0}
.figures div{border:1px solid #c9d1da;border-radius:.4rem;padding:.6rem .8rem}
.figures dt{color:#4a5766;font-size:.85rem}.figures dd{margin:0;font-size:1.6rem;
font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .5rem;border-bottom:1px solid #dde3ea;text-align:right}
th:first-child,td:first-child{text-align:left}.scroll{overflow-x:auto}
svg{width:100%;height:auto}.bar{fill:#2c5f93}.axis{stroke:#8793a1}text{fill:#33404f;font-size:11px}`;

/** What the page may load: its own style, nothing else. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** The page; a live one refreshes itself. */
export function reportPage(report: OperationReport, { isLive }: { isLive: boolean }): string {
  const { operation, all, posts, hours, strays, quota } = report;
  const title = escapeHtml(operation.name);
  const refresh = isLive ? `<meta http-equiv="refresh" content="${REFRESH_SECONDS}">` : '';
  const postBars = posts.map((post) => ({
    label: `${post.tenant} ${post.site}`,
    value: post.searches,
  }));
  const hitBars = posts.map((post) => ({ label: `${post.tenant} ${post.site}`, value: post.hits }));
  const hourBars = hours.map(({ hour, searches }) => ({ label: hour, value: searches }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${refresh}
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>
<style>${STYLE}</style></head><body><main>
<h1>${title}</h1>
<p>Led by ${escapeHtml(operation.lead)}; ${operation.states.join(', ')};
${operation.startsAt} to ${operation.endsAt}. State of ${report.time}.</p>
<dl class="figures">${figuresOf(all)
    .concat(quota ? [['Quota used', `${quota.usedPercent} %`]] : [])
    .map(([label, value]) => `<div><dt>${label}</dt><dd>${value}</dd></div>`)
    .join('')}</dl>
<h2>Searches by hour</h2>${barPlot({ title: 'Searches by hour', bars: joinNeighbors(hourBars) })}
<h2>Searches by post</h2>${barPlot({ title: 'Searches by post', bars: largestOf(postBars) })}
<h2>Hits by post</h2>${barPlot({ title: 'Hits by post', bars: largestOf(hitBars) })}
<h2>Posts</h2>${table(
    'Post',
    posts.map((post) => ({ ...post, label: `${post.tenant} ${post.site}` })),
  )}
<h2>Hours</h2>${table(
    'Hour (UTC)',
    hours.map((hour) => ({ ...hour, label: hour.hour })),
  )}${strayTable(strays)}
</main></body></html>
`;
}

function figuresOf(figures: Figures): [string, string][] {
  const { confirmationMs: times } = figures;
  return [
    ['Searches', figures.searches.toLocaleString('en')],
    ['Hits', String(figures.hits)],
    ['Hits not on the own list', String(figures.hitsNotOnOwnList)],
    ...(figures.hitsWithoutOwnList > 0
      ? [['Hits without an own list', String(figures.hitsWithoutOwnList)] as [string, string]]
      : []),
    ['Candidates', String(figures.candidates)],
    ['Invalid reads', String(figures.invalids)],
    ['No answer', String(figures.unknowns)],
    ['Time to confirmation, median', times ? seconds(times.median) : '–'],
    ['Time to confirmation, longest', times ? seconds(times.max) : '–'],
  ];
}

const seconds = (ms: number) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

function table(first: string, rows: readonly ({ label: string } & Figures)[]): string {
  const names = [
    'Searches',
    'Candidates',
    'Hits',
    'Not on own list',
    'Invalid',
    'No answer',
    'Median',
  ];
  const cells = (row: Figures) => [
    ...[row.searches, row.candidates, row.hits, row.hitsNotOnOwnList, row.invalids, row.unknowns],
    row.confirmationMs ? seconds(row.confirmationMs.median) : '–',
  ];
  const head = [first, ...names].map((name) => `<th scope="col">${name}</th>`).join('');
  const body = rows.map(
    (row) =>
      `<tr><th scope="row">${escapeHtml(row.label)}</th>${cells(row)
        .map((cell) => `<td>${cell}</td>`)
        .join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** Why checks did not count; in words. */
const REASONS: Record<string, string> = {
  unknown: 'no such operation',
  'outside-dates': 'outside of its dates',
  'not-a-post': 'not one of its posts',
};

function strayTable(strays: OperationReport['strays']): string {
  if (strays.length === 0) return '';
  const rows = strays.map(
    ({ tenant, site, reason, searches }) =>
      `<tr><th scope="row">${escapeHtml(`${tenant} ${site}`)}</th><td>${REASONS[reason]}</td><td>${searches}</td></tr>`,
  );
  return `<h2>Named the operation and do not count</h2><table><thead><tr><th scope="col">Post</th><th scope="col">Why</th><th scope="col">Searches</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}
