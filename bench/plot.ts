/**
 * A plot as inline SVG: lines and marks over axes with round ticks, and the numbers below as a table.
 *
 * No script and no style sheet from elsewhere, so that the report is one file that lasts. Series are
 * told apart by colour, by the shape of their marks and by the legend.
 */

import type { Axis, Plot, Series } from './measurement.ts';

const WIDTH = 960;
const HEIGHT = 400;
const MARGIN = { left: 76, right: 310, top: 16, bottom: 48 };
const LEGEND_LINE = 18;
/** Okabe and Ito, "Color Universal Design", 2008: told apart with any colour vision. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#a37b00', '#56b4e9', '#444444'];
const TICKS = 6;

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Four significant digits; large and small ones with a power of ten. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(2);
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 });
}

/** 1,000,000 as 1 M: for ticks, where room is short. */
function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(0);
  if (size >= 1e6) return `${figure(value / 1e6)} M`;
  if (size >= 1e3) return `${figure(value / 1e3)} k`;
  return figure(value);
}

interface Scale {
  ticks: number[];
  /** From 0 (start of the axis) to 1; undefined if the value has no place on it. */
  place(value: number): number | undefined;
}

/** An axis over the values; a linear one starts at 0, a log one at a power of ten. */
function scaleOf({ scale }: Axis, values: readonly number[]): Scale {
  if (scale === 'log') {
    const positive = values.filter((value) => value > 0);
    const low = Math.floor(Math.log10(Math.min(...positive)) + 1e-9);
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive)) - 1e-9));
    const step = Math.ceil((high - low) / TICKS);
    const ticks = [];
    for (let power = low; power <= high; power += step) ticks.push(10 ** power);
    return {
      ticks,
      place: (value) => (value > 0 ? (Math.log10(value) - low) / (high - low) : undefined),
    };
  }
  const top = Math.max(...values, Number.MIN_VALUE);
  const rough = top / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
  const count = Math.ceil(top / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => value / (count * step) };
}

const MARKS: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `<circle cx="${x}" cy="${y}" r="4"/>`,
  (x, y) => `<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`,
  (x, y) => `<path d="M${x} ${y - 5} l5 9 h-10 z"/>`,
  (x, y) => `<path d="M${x} ${y - 5} l5 5 l-5 5 l-5 -5 z"/>`,
];

const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
const plotHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
const round = (value: number): number => Math.round(value * 10) / 10;

function drawSeries({ points, isTheory, isScattered }: Series, index: number, x: Scale, y: Scale) {
  const color = COLORS[index % COLORS.length];
  const places = points.flatMap((point) => {
    const [px, py] = [x.place(point.x), y.place(point.y)];
    if (px === undefined || py === undefined) return [];
    return [
      [round(MARGIN.left + px * plotWidth), round(MARGIN.top + (1 - py) * plotHeight)] as const,
    ];
  });
  const line = `<polyline fill="none" stroke="${color}" stroke-width="2"${
    isTheory ? ' stroke-dasharray="6 5"' : ''
  } points="${places.map((place) => place.join(',')).join(' ')}"/>`;
  const mark = MARKS[index % MARKS.length]!;
  const marks = isTheory ? '' : places.map(([px, py]) => mark(px, py)).join('');
  return `${isScattered ? '' : line}<g fill="${color}">${marks}</g>`;
}

function drawLegend({ name, isTheory }: Series, index: number): string {
  const color = COLORS[index % COLORS.length];
  const left = WIDTH - MARGIN.right + 16;
  const middle = MARGIN.top + 8 + index * LEGEND_LINE;
  const sign = isTheory
    ? `<line x1="${left - 6}" x2="${left + 8}" y1="${middle}" y2="${middle}" stroke="${color}" stroke-width="2" stroke-dasharray="4 3"/>`
    : `<g fill="${color}">${MARKS[index % MARKS.length]!(left, middle)}</g>`;
  return `${sign}<text x="${left + 14}" y="${middle + 4}">${escapeHtml(name)}</text>`;
}

function drawAxes({ x, y }: Plot, xScale: Scale, yScale: Scale): string {
  const bottom = MARGIN.top + plotHeight;
  const right = MARGIN.left + plotWidth;
  const columns = xScale.ticks.map((tick) => {
    const at = round(MARGIN.left + (xScale.place(tick) ?? 0) * plotWidth);
    return `<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#666"/><text x="${at}" y="${bottom + 19}" text-anchor="middle">${tickLabel(tick)}</text>`;
  });
  const rows = yScale.ticks.map((tick) => {
    const at = round(MARGIN.top + (1 - (yScale.place(tick) ?? 0)) * plotHeight);
    return `<line x1="${MARGIN.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/><text x="${MARGIN.left - 8}" y="${at + 4}" text-anchor="end">${tickLabel(tick)}</text>`;
  });
  const middle = MARGIN.top + plotHeight / 2;
  return (
    rows.join('') +
    `<line x1="${MARGIN.left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="#666"/>` +
    columns.join('') +
    `<text x="${MARGIN.left + plotWidth / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(x.label)}</text>` +
    `<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${escapeHtml(y.label)}</text>`
  );
}

function numbersTable({ x, y, series }: Plot): string {
  const rows = series.flatMap(({ name, points }) =>
    points.map(
      (point) =>
        `<tr><td>${escapeHtml(name)}</td><td class="n">${figure(point.x)}</td><td class="n">${figure(point.y)}</td></tr>`,
    ),
  );
  const head = `<tr><th></th><th>${escapeHtml(x.label)}</th><th>${escapeHtml(y.label)}</th></tr>`;
  return `<details><summary>numbers</summary><table><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></details>`;
}

/** A section of the report: title, drawing, numbers. */
export function plotHtml(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  const xScale = scaleOf(
    plot.x,
    points.map((point) => point.x),
  );
  const yScale = scaleOf(
    plot.y,
    points.map((point) => point.y),
  );
  const drawn = plot.series.map((series, index) => drawSeries(series, index, xScale, yScale));
  const height = Math.max(HEIGHT, MARGIN.top + plot.series.length * LEGEND_LINE + 8);
  return (
    `<section><h2>${escapeHtml(plot.title)}</h2>` +
    `<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" aria-label="${escapeHtml(plot.title)}" font-size="12">` +
    `${drawAxes(plot, xScale, yScale)}${drawn.join('')}${plot.series.map(drawLegend).join('')}</svg>` +
    `${numbersTable(plot)}</section>`
  );
}
