/**
 * The joint operations of 2017 again: over a million searches, 35 hits, 22 of them by INTERPOL's
 * data alone; the report of the operation says so, in all three of its forms.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationReport } from '../../central/joint-operations/report.ts';
import { issueToken } from '../../data-build/keys/token.ts';
import type { System } from '../../scripts/system.ts';
import { askBatch, startBorderDay } from './border-day.ts';
import type { Proof } from './proof.ts';

const HITS = 35;
const NOT_ON_OWN_LIST = 22;
const LEAD = 'NCB-UTO';
const AGENCY = 'BORDER-UTO';
/** Five operations there were; here five posts of one. */
const SITES = ['airport', 'harbor', 'bridge', 'station', 'ferry'];
/** Events are on their way for so long after the last answer, at most. */
const ARRIVAL_MS = 60_000;
const DAY_MS = 86_400_000;

export const operation2017: Proof = {
  name: 'operation-2017',
  claim:
    'a joint operation with 35 listed documents among its searches, 22 of them not on the own list of ' +
    'the agency, is reported with exactly these figures, as JSON, CSV and page',
  sizes: { full: 1_000_000, small: 20_000, unit: 'searches' },
  async run(run) {
    const { system, batches, nationalCsv } = await startBorderDay(run);
    try {
      const central = await callersOf(system);
      const operation = await central.create();
      await central.loadOwnList(nationalCsv);
      const tokens = await Promise.all(
        SITES.map((site) =>
          issueToken(system.keys, { role: 'officer', tenant: AGENCY, site, minutes: 720 }),
        ),
      );
      let asked = 0;
      let batchCount = 0;
      let answeredHits = 0;
      for (const batch of batches()) {
        const token = tokens[batchCount++ % SITES.length]!;
        const results = await askBatch(system, token, batch, { operation });
        answeredHits += results.filter(({ status }) => status === 'hit').length;
        asked += batch.length;
        run.progress(`${asked} of ${run.size} searches, ${answeredHits} hits`);
      }
      const report = await central.reportOf(operation, asked);
      const csv = await central.text(`/v1/joint-operations/${operation}/report.csv`);
      const page = await central.text(`/v1/joint-operations/${operation}/report.html`);
      const { searches, clears, hits, hitsNotOnOwnList, candidates, confirmationMs } = report.all;
      const columns = sumOfColumns(csv);
      const isExact =
        searches === asked &&
        hits === HITS &&
        hitsNotOnOwnList === NOT_ON_OWN_LIST &&
        candidates === HITS &&
        clears === asked - HITS &&
        report.strays.length === 0 &&
        report.posts.length === SITES.length;
      const isSame =
        columns.get('searches') === searches &&
        columns.get('hits') === hits &&
        columns.get('hitsNotOnOwnList') === hitsNotOnOwnList &&
        page.includes(`<dt>Searches</dt><dd>${searches.toLocaleString('en')}</dd>`) &&
        page.includes(`<dt>Hits</dt><dd>${hits}</dd>`) &&
        page.includes(`<dt>Hits not on the own list</dt><dd>${hitsNotOnOwnList}</dd>`);
      return {
        holds: isExact && isSame && answeredHits === HITS,
        figure:
          `${searches} of ${asked} searches at ${report.posts.length} posts reported, ${hits} hits, ` +
          `${hitsNotOnOwnList} of them not on the own list; time to confirmation ` +
          `${confirmationMs?.median ?? '-'} ms (median), ${confirmationMs?.max ?? '-'} ms (longest)`,
        details: { asked, ...report.all, confirmationMs: confirmationMs?.median ?? -1, isSame },
      };
    } finally {
      await system.stop();
    }
  },
};

/** What the lead of the operation and the agency do at central. */
async function callersOf({ keys, centralUrl }: System) {
  const about = { site: 'office', minutes: 720, audience: 'central' as const };
  const lead = await issueToken(keys, { ...about, role: 'ncb', tenant: LEAD });
  const agency = await issueToken(keys, { ...about, role: 'data-operator', tenant: AGENCY });
  const call = async (path: string, token: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${token}`, ...init.headers };
    const response = await fetch(`${centralUrl}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`central answered ${path} with ${response.status}`);
    return response;
  };
  const report = async (operation: string) => {
    const response = await call(`/v1/joint-operations/${operation}/report`, lead);
    return (await response.json()) as OperationReport;
  };
  return {
    create: async (): Promise<string> => {
      const now = Date.now();
      const response = await call('/v1/joint-operations', lead, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          name: 'The operations of 2017',
          states: ['UTO'],
          startsAt: new Date(now - DAY_MS).toISOString(),
          endsAt: new Date(now + DAY_MS).toISOString(),
          posts: SITES.map((site) => ({ tenant: AGENCY, site })),
        }),
      });
      return ((await response.json()) as { id: string }).id;
    },
    loadOwnList: (body: string) =>
      call('/v1/own-list', agency, {
        method: 'PUT',
        headers: { 'content-type': 'text/csv' },
        body,
      }),
    text: async (path: string) => (await call(path, lead)).text(),
    /** Once all searches have arrived, or at the end of the time that they have for it. */
    reportOf: async (operation: string, searches: number): Promise<OperationReport> => {
      const untilMs = Date.now() + ARRIVAL_MS;
      for (;;) {
        const now = await report(operation);
        if (now.all.searches >= searches || Date.now() > untilMs) return now;
        await sleep(250);
      }
    },
  };
}

function sumOfColumns(csv: string): Map<string, number> {
  const [header = [], ...rows] = csv
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','));
  return new Map(
    header.map((name, index) => [
      name,
      rows.reduce((total, row) => total + Number(row[index] ?? 0), 0),
    ]),
  );
}
