import { describe, expect, it } from 'vitest';
import { measured, type Plot } from '../../bench/measurement.ts';
import { reportHtml } from '../../bench/report.ts';

const RUN = { machine: 'two <cores>', command: 'npm run bench', date: '2026-11-28' };
const PLOT: Plot = {
  ...{ id: 'probe', title: 'ns by <set size>' },
  x: { label: 'keys', scale: 'log' },
  y: { label: 'ns', scale: 'linear' },
  series: [
    { name: 'ours', points: [1e6, 1e7, 1e8].map((x, index) => ({ x, y: 10 * index })) },
    { name: 'bound', isTheory: true, points: [{ x: 1e6, y: 5 }] },
  ],
};

const places = (svg: string) =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => ({
    ...{ x: Number(x), y: Number(y) },
  }));

describe('the report of a run', () => {
  it('names machine and command, and shows median, spread and a missed goal', () => {
    const about = { id: 'q', question: 'is it fast', unit: 'ns' };
    const html = reportHtml([measured(about, [3, 1, 2], { atMost: 1 })], RUN);
    expect(html).toContain('two &#60;cores&#62;');
    expect(html).toContain('<code>npm run bench</code>, 2026-11-28');
    expect(html).toContain('<tr class="missed"><td>is it fast</td><td class="n">2</td>');
    expect(html).toContain('aria-label="from 1 to 3"');
  });

  it('puts what has a goal first, and says what could not be measured', () => {
    const about = (id: string) => ({ id, question: `question ${id}`, unit: 'ns' });
    const findings = [
      measured(about('free'), [1]),
      measured(about('bound'), [1], { atMost: 2 }),
      { id: 'gap', gap: 'Redis: none here' },
    ];
    const html = reportHtml(findings, RUN);
    expect(html.indexOf('question bound')).toBeLessThan(html.indexOf('question free'));
    expect(html).toContain('<p>Not measured: Redis: none here.</p>');
  });

  it('is one file without scripts and without anything to fetch', () => {
    const html = reportHtml([PLOT], RUN);
    expect(html).not.toMatch(/<script|<link|src=|href=|url\(|@import/i);
    expect(html).toContain('ns by &#60;set size&#62;');
  });

  it('draws equal ratios equally far apart on a log axis, equal steps on a linear one', () => {
    // The last circle is that of the legend.
    const [a, b, c] = places(reportHtml([PLOT], RUN)) as [Place, Place, Place];
    expect(b.x - a.x).toBeCloseTo(c.x - b.x, 0);
    expect(a.y - b.y).toBeCloseTo(b.y - c.y, 0);
    expect(a.y).toBeGreaterThan(c.y);
  });

  it('tells every point as a number, too', () => {
    const html = reportHtml([PLOT], RUN);
    expect(html).toContain('<td>ours</td><td class="n">100,000,000</td><td class="n">20</td></tr>');
  });
});

type Place = ReturnType<typeof places>[number];
