/** Central dies in the middle of a day of searches: its hits become candidates, never clear. */

import { askBatch, startBorderDay } from './border-day.ts';
import type { Proof } from './proof.ts';

export const centralKilled: Proof = {
  name: 'central-killed',
  claim: 'with central killed in the middle of the searches, no listed document becomes clear',
  sizes: { full: 200_000, small: 10_000, unit: 'searches' },
  async run(run) {
    const { system, batches } = await startBorderDay(run);
    try {
      const token = await system.token('officer');
      const killAt = Math.floor(run.size / 2);
      let asked = 0;
      let killed = false;
      let hits = 0;
      let candidates = 0;
      let falseClears = 0;
      let otherWrong = 0;
      for (const batch of batches()) {
        // In the middle: while the batch is under way, not between two.
        const answers = askBatch(system, token, batch);
        if (!killed && asked + batch.length > killAt) {
          killed = true;
          await system.killCentral();
        }
        (await answers).forEach(({ status }, index) => {
          const listed = batch[index]?.listed === true;
          if (listed && status === 'hit') hits++;
          else if (listed && status === 'candidate') candidates++;
          else if (listed && status === 'clear') falseClears++;
          else if (listed || status !== 'clear') otherWrong++;
        });
        asked += batch.length;
        run.progress(
          `${asked} searches, central ${killed ? 'killed' : 'up'}, ${candidates} candidates`,
        );
      }
      return {
        holds: killed && falseClears === 0 && otherWrong === 0 && hits > 0 && candidates > 0,
        figure:
          `${asked} searches: ${hits} hits before, ${candidates} candidates after central died, ` +
          `${falseClears} false clears, ${otherWrong} other wrong answers`,
        details: { asked, hits, candidates, falseClears, otherWrong },
      };
    } finally {
      await system.stop();
    }
  },
};
