/** A bar plot as inline SVG: one bar a value, the largest as high as the plot; title and values as text. */

import { escapeHtml } from '../http/escape-html.ts';

const WIDTH = 720;
const HEIGHT = 200;
const MARGIN = { left: 8, right: 8, top: 18, bottom: 24 };
/** More bars than this are drawn in groups of neighbors. */
const BARS_MAX = 168;

export interface Bar {
  label: string;
  value: number;
}

/** The SVG; neighbors are summed where there are too many. */
export function barPlot({ title, bars }: { title: string; bars: readonly Bar[] }): string {
  const drawn = merged(bars);
  const highest = Math.max(1, ...drawn.map(({ value }) => value));
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const plotHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  const step = plotWidth / Math.max(1, drawn.length);
  const rects = drawn.map(({ label, value }, index) => {
    const height = (value / highest) * plotHeight;
    const x = MARGIN.left + index * step;
    const y = MARGIN.top + plotHeight - height;
    const width = Math.max(1, step * 0.8);
    const text = `${escapeHtml(label)}: ${value}`;
    return `<rect class="bar" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"><title>${text}</title></rect>`;
  });
  const base = HEIGHT - MARGIN.bottom;
  const first = escapeHtml(drawn[0]?.label ?? '');
  const last = escapeHtml(drawn.at(-1)?.label ?? '');
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><title>${escapeHtml(title)}</title>${rects.join('')}<line class="axis" x1="${MARGIN.left}" y1="${base}" x2="${WIDTH - MARGIN.right}" y2="${base}"/><text x="${MARGIN.left}" y="12">${highest.toLocaleString('en')}</text><text x="${MARGIN.left}" y="${HEIGHT - 8}">${first}</text><text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 8}" text-anchor="end">${last}</text></svg>`;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);

function merged(bars: readonly Bar[]): Bar[] {
  const size = Math.ceil(bars.length / BARS_MAX);
  if (size <= 1) return [...bars];
  const groups: Bar[] = [];
  for (let first = 0; first < bars.length; first += size) {
    const group = bars.slice(first, first + size);
    const value = group.reduce((total, bar) => total + bar.value, 0);
    groups.push({ label: group[0]!.label, value });
  }
  return groups;
}
