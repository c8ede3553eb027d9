/** Charts of the report: horizontal bars as SVG text, each with its figure at the end. */

interface Bar {
  name: string;
  value: number;
  label: string;
}

const ROW_HEIGHT = 22;
const NAME_WIDTH = 170;
const BAR_WIDTH_MAX = 360;

/** The bars in the order given, the longest over the whole width; values are not negative. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ name, value, label }, index) => {
    const y = index * ROW_HEIGHT;
    const width = Math.max(1, (value / most) * BAR_WIDTH_MAX);
    return (
      `<text x="0" y="${y + 15}">${escaped(name)}</text>` +
      `<rect x="${NAME_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="16" rx="2"/>` +
      `<text x="${(NAME_WIDTH + width + 8).toFixed(1)}" y="${y + 15}">${escaped(label)}</text>`
    );
  });
  const height = Math.max(1, bars.length) * ROW_HEIGHT;
  return `<svg viewBox="0 0 720 ${height}" role="img" aria-label="${escaped(title)}">${rows.join('')}</svg>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
};

/** Text as it may stand in HTML, also in an attribute. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (mark) => ENTITIES[mark]!);
