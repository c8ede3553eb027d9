/** Objects from a real bucket binding. */

import { expect, it } from 'vitest';
import { R2Source } from '../../src/store/r2-source.ts';
import { describeSource, failureOf } from '../support/source-conformance.ts';
import { bucket } from './edge.ts';

describeSource('a bucket', async () => ({
  source: new R2Source(bucket),
  put: async (name, bytes) => {
    await bucket.put(name, bytes);
  },
}));

it('a bucket that fails or does not answer is a failure, not an absence', async () => {
  const failing = new R2Source({ get: () => Promise.reject(new Error('internal error')) });
  expect(await failureOf(failing)).toBe('page-unavailable');
  const silent = new R2Source({ get: () => new Promise(() => {}) }, { timeoutMs: 20 });
  expect(await failureOf(silent)).toBe('page-unavailable');
});
