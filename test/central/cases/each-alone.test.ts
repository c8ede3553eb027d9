/** Items of a queue, one by one: others have their turn between two of them. */

import { expect, it } from 'vitest';
import { eachAlone } from '../../../central/cases/each-alone.ts';

it('gives way to whoever waits after each item', async () => {
  const order: string[] = [];
  const portions = [['a', 'b'], ['c'], []];
  const count = await eachAlone<string>(
    async () => portions.shift()!,
    async (item) => {
      order.push(item);
      setImmediate(() => order.push(`after ${item}`));
    },
  );
  expect(count).toBe(3);
  expect(order).toEqual(['a', 'after a', 'b', 'after b', 'c', 'after c']);
});
