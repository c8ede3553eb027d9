/** A day of searches gives exactly the hits there are, and asks central only about them. */

import { askBatch, startBorderDay } from './border-day.ts';
import type { Proof } from './proof.ts';

const CENTRAL_REQUESTS_MAX = 40;
const HITS = 35;
const NOT_ON_NATIONAL_LIST = 22;

export const replay: Proof = {
  name: 'replay',
  claim:
    'searches with exactly 35 listed documents among them, 22 of them not in a national list, give ' +
    'exactly 35 hits, nothing else but clear, and at most 40 requests to central',
  sizes: { full: 1_000_000, small: 20_000, unit: 'searches' },
  async run(run) {
    const { system, batches, nationalList } = await startBorderDay(run);
    try {
      const token = await system.token('officer');
      const counts: Record<string, number> = {};
      let asked = 0;
      let wrong = 0;
      let notOnNationalList = 0;
      const start = Date.now();
      for (const batch of batches()) {
        const results = await askBatch(system, token, batch);
        results.forEach(({ status, id }, index) => {
          counts[status] = (counts[status] ?? 0) + 1;
          if (status !== (batch[index]?.listed ? 'hit' : 'clear')) wrong++;
          if (status === 'hit' && !nationalList.has(id)) notOnNationalList++;
        });
        asked += batch.length;
        run.progress(`${asked} of ${run.size} searches, ${counts.hit ?? 0} hits`);
      }
      const seconds = (Date.now() - start) / 1000;
      const centralRequests = system.centralRequestCount();
      return {
        holds:
          wrong === 0 &&
          counts.hit === HITS &&
          notOnNationalList === NOT_ON_NATIONAL_LIST &&
          centralRequests <= CENTRAL_REQUESTS_MAX,
        figure:
          `${asked} searches in ${seconds.toFixed(1)} s: ${counts.hit ?? 0} hits, ` +
          `${notOnNationalList} of them not in the national list, ${wrong} wrong answers, ` +
          `${centralRequests} requests to central`,
        details: { ...counts, asked, wrong, notOnNationalList, centralRequests, seconds },
      };
    } finally {
      await system.stop();
    }
  },
};
