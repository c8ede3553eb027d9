/** A load that stops in the middle of its transaction and waits to be killed. */

import { type DatabaseLocation, openDatabase } from '../../central/database/database.ts';
import { loadRecords } from '../../central/load/load.ts';
import { AS_OF_MS, NOW_MS, record } from './records.ts';

async function* records() {
  for (let i = 0; i < 5_000; i++) yield record({ number: `M${i}` });
  console.log('stalled after 5000');
  // A timer, because a promise alone would not keep the process.
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

const location = JSON.parse(process.env.LOCATION ?? '') as DatabaseLocation;
await loadRecords(openDatabase(location), records(), {
  asOf: AS_OF_MS + 1,
  clock: () => NOW_MS,
});
