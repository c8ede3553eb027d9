import { describe, expect, it } from 'vitest';
import { isMeasurement, isPlot } from '../../bench/measurement.ts';
import { SUITES } from '../../bench/suites.ts';

/** Alone they take seconds; a machine that runs much else may give them little. */
const TIMEOUT_MS = 180_000;

describe('a benchmark runs at the size of a test', () => {
  for (const [name, suites] of Object.entries(SUITES)) {
    it(`${name}: every question has an answer, every plot its points`, {
      timeout: TIMEOUT_MS,
    }, async () => {
      const findings = [];
      for (const suite of suites) findings.push(...(await suite('test')));
      const ids = findings.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const finding of findings) {
        if (isMeasurement(finding)) expect(finding.value, finding.id).not.toBeNaN();
        if (!isPlot(finding)) continue;
        for (const { name: series, points } of finding.series) {
          expect(points.length, series).toBeGreaterThan(0);
          for (const { x, y } of points) expect([x, y].every(Number.isFinite), series).toBe(true);
        }
      }
      // Speed means nothing here; what errs, errs at any speed.
      const rights = findings
        .filter(isMeasurement)
        .filter(({ unit, goal }) => unit === '%' && goal);
      expect(rights.filter(({ holds }) => !holds)).toEqual([]);
    });
  }
});
