/**
 * A bar plot as inline SVG: one bar a value, the largest as high as the plot; title and values as text.
 *
 * Where there are more values than bars can be told apart, no bar says more than is true of it: neighbors in
 * time are one bar from the first to the last, and what has no neighbors is drawn by size, the rest as one.
 */

import { escapeHtml } from '../http/escape-html.ts';

const WIDTH = 720;
const HEIGHT = 200;
const MARGIN = { left: 8, right: 8, top: 18, bottom: 24 };
/** A week of hours. */
const BARS_MAX = 168;

export interface Bar {
  label: string;
  value: number;
}

/** The SVG, with a bar for each of `bars`: at most 168, by one of the two functions below. */
export function barPlot({ title, bars }: { title: string; bars: readonly Bar[] }): string {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const plotHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  const step = plotWidth / Math.max(1, bars.length);
  const rects = bars.map(({ label, value }, index) => {
    const height = (value / highest) * plotHeight;
    const x = MARGIN.left + index * step;
    const y = MARGIN.top + plotHeight - height;
    const width = Math.max(1, step * 0.8);
    const text = `${escapeHtml(label)}: ${value}`;
    return `<rect class="bar" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"><title>${text}</title></rect>`;
  });
  const base = HEIGHT - MARGIN.bottom;
  const first = escapeHtml(bars[0]?.label ?? '');
  const last = escapeHtml(bars.at(-1)?.label ?? '');
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><title>${escapeHtml(title)}</title>${rects.join('')}<line class="axis" x1="${MARGIN.left}" y1="${base}" x2="${WIDTH - MARGIN.right}" y2="${base}"/><text x="${MARGIN.left}" y="12">${highest.toLocaleString('en')}</text><text x="${MARGIN.left}" y="${HEIGHT - 8}">${first}</text><text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 8}" text-anchor="end">${last}</text></svg>`;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);

/** Bars in the order of time, neighbors summed where there are too many: `first – last`. */
export function joinNeighbors(bars: readonly Bar[]): Bar[] {
  const size = Math.ceil(bars.length / BARS_MAX);
  if (size <= 1) return [...bars];
  const groups: Bar[] = [];
  for (let first = 0; first < bars.length; first += size) {
    const group = bars.slice(first, first + size);
    const ends = new Set([group[0]!.label, group.at(-1)!.label]);
    groups.push({ label: [...ends].join(' – '), value: sumOf(group) });
  }
  return groups;
}

/** Bars in their order; where there are too many the largest of them, and then the rest as one. */
export function largestOf(bars: readonly Bar[]): Bar[] {
  if (bars.length <= BARS_MAX) return [...bars];
  const bySize = bars.toSorted((a, b) => b.value - a.value);
  const largest = new Set(bySize.slice(0, BARS_MAX - 1));
  const rest = bars.filter((bar) => !largest.has(bar));
  return [
    ...bars.filter((bar) => largest.has(bar)),
    { label: `${rest.length} others together`, value: sumOf(rest) },
  ];
}

const sumOf = (bars: readonly Bar[]) => bars.reduce((total, { value }) => total + value, 0);
