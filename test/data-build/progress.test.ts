import { afterEach, expect, test, vi } from 'vitest';
import { Progress } from '../../data-build/progress.ts';

afterEach(() => void vi.useRealTimers());

/** What is written while 300 of 1,000 rows are done in ten seconds. */
function written(isTTY: boolean): string[] {
  vi.useFakeTimers({ toFake: ['performance'] });
  const lines: string[] = [];
  const progress = new Progress({ isTTY, write: (text) => lines.push(text) });
  progress.start('import');
  vi.advanceTimersByTime(10_000);
  progress.update(300, 1_000, 'rows');
  progress.update(301, 1_000, 'rows');
  return lines;
}

test('says the rate and the time left, for a machine as a line of JSON', () => {
  const [, line, ...more] = written(false);
  expect(JSON.parse(line!)).toEqual({
    ...{ step: 'import', done: 300, total: 1_000, unit: 'rows', perSecond: 30, leftSeconds: 24 },
  });
  expect(more).toEqual([]);
});

test('says the same on a terminal, on one line that renews itself', () => {
  expect(written(true)).toEqual(['\r\x1b[Kimport: 300 of 1,000 rows, 30/s, 24 s left']);
});
