import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspect, inspectBytes, inspectionText } from '../../data-build/edition/inspect.ts';
import { reportHtml, writeReport } from '../../data-build/report/report.ts';
import { buildSummaryJson, buildSummaryText } from '../../data-build/report/summary.ts';
import { build, ROOT, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const VECTORS = join(ROOT, 'test/vectors/edition-v2');

describe('inspect', () => {
  test('shows the vectors of the format as it always did', () => {
    expect(inspectionText(inspect(VECTORS))).toMatchSnapshot();
  });

  test('shows each kind of object as it always did', () => {
    const { edition } = inspect(VECTORS).head as { edition: string };
    const names = execFileSync('ls', ['-S', join(VECTORS, 'pages')], { encoding: 'utf8' });
    const pages = names
      .trim()
      .split('\n')
      .map((name) => join(VECTORS, 'pages', name));
    const kinds = pages.map((path) => inspect(path));
    const largest = (kind: string) => kinds.find((page) => page.kind === kind)!;
    const shown = [
      ...[inspect(join(VECTORS, 'manifests', edition)), inspect(join(VECTORS, 'head'))],
      ...[largest('filter page'), largest('match page')],
    ];
    expect(shown.map(inspectionText).join('\n\n')).toMatchSnapshot();
  });

  test('prints the same as JSON', async () => {
    const { code, stdout } = await sltd(['inspect', VECTORS, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(inspect(VECTORS));
  });

  test('refuses what is no object, and an object that is cut off', () => {
    const head = new Uint8Array(readFileSync(join(VECTORS, 'head')));
    expect(() => inspectBytes(new Uint8Array(8))).toThrow(
      expect.objectContaining({ code: 'format-magic' }),
    );
    expect(() => inspectBytes(head.subarray(0, 255))).toThrow(
      expect.objectContaining({ code: 'format-length' }),
    );
  });
});

describe('the report', () => {
  test('has the numbers of the build, and nothing from elsewhere', async () => {
    const rows = Array.from(
      { length: 1234 },
      (_, i) => `${i % 3 ? 'UTO' : 'FRA'},PAS,A${i},,,lost`,
    );
    const file = space.write(
      '<b>export.csv',
      sltdCsv(...rows, 'Atlantis,PAS,A1,,,lost', 'UTO,QQQ,Z1,,,odd'),
    );
    const summary = await build(space, { files: [file], rejectsMaxPercent: 1 });
    const html = reportHtml(summary);
    for (const text of [summary.edition, '1,238', '1,236', '1,235', '2025-01-31T00:00:00.000Z']) {
      expect(html).toContain(text);
    }
    expect(html).toContain('UTO');
    expect(html).toContain('state-unknown');
    expect(html).toContain('type-unknown');
    expect(html).toContain('&lt;b&gt;export.csv');
    expect(html).not.toMatch(/<script|<link|src=|url\(|https?:/);
    const charts = [...html.matchAll(/<svg [^>]*aria-label="([^"]+)"/g)].map((match) => match[1]);
    expect(charts).toEqual([
      ...['Records by issuing state', 'Bytes of the pages', 'Bits a key'],
      ...['What the filter lets through', 'Rejected rows by reason', 'Time by step'],
    ]);
    writeReport(space.path('report.html'), summary);
    expect(readFileSync(space.path('report.html'), 'utf8')).toBe(html);
    const json = JSON.parse(buildSummaryJson(summary));
    expect(json).toMatchObject({
      ...{ rows: 1236, accepted: 1235, rejected: 1, records: 1238, missing: 0 },
      ...{ rejects: { 'state-unknown': 1 }, notes: { 'category-unknown': 1, 'type-unknown': 1 } },
    });
    expect(json.peakMemoryBytes).toBeGreaterThan(0);
    expect(buildSummaryText(summary)).toContain('1,236: 1,235 accepted, 1 rejected');
  });

  test('shows how full the shards are, where a state has several', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `FRA,PAS,A${i},,,lost`);
    const file = space.write('shards.csv', sltdCsv(...rows, 'UTO,PAS,L1,,,lost'));
    const outDir = space.path('several-shards');
    const summary = await build(space, { files: [file], outDir, keysPerShard: 300 });
    const chart = /aria-label="Fill of the shards by issuing state">(.*?)<\/svg>/.exec(
      reportHtml(summary),
    );
    expect(chart?.[1]).toContain('83.33 %, 4 shards');
    expect(chart?.[1]).not.toContain('UTO');
  });
});
