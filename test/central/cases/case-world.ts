/** Central with two listed documents and the people who meet over a hit on one of them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markNotified } from '../../../central/cases/change-case.ts';
import { openCases } from '../../../central/cases/open-cases.ts';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { DeliveryWorker } from '../../../central/notifications/worker.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { centralWorld, directToken, edgeToken, question, type World } from '../world.ts';

/** A German post meets a document of Utopia. */
export const PEOPLE = {
  officer: { role: 'officer', tenant: 'BORDER-D', site: 'FRA/7', sub: 'officer-7' },
  nextDesk: { role: 'officer', tenant: 'BORDER-D', site: 'FRA/8', sub: 'officer-8' },
  otherPost: { role: 'officer', tenant: 'BORDER-D', site: 'MUC/1', sub: 'officer-1' },
  otherAgency: { role: 'officer', tenant: 'POLICE-D', site: 'FRA/7', sub: 'officer-7' },
  asking: { role: 'ncb', tenant: 'NCB-D', site: 'Wiesbaden', sub: 'clerk-1' },
  issuing: { role: 'ncb', tenant: 'NCB-UTO', site: 'Zenith', sub: 'clerk-2' },
  otherBureau: { role: 'ncb', tenant: 'NCB-FRA', site: 'Nanterre', sub: 'clerk-3' },
  auditor: { role: 'auditor', tenant: 'NCB-UTO', site: 'Zenith', sub: 'auditor-1' },
} as const;

export type Person = keyof typeof PEOPLE;

export interface ShownCase {
  id: string;
  version: number;
  state: string;
  moves: string[];
  [member: string]: unknown;
}

export interface CaseWorld {
  central: World;
  /** Moves the clock of jobs; requests are answered at NOW_MS. */
  folder: string;
  /** A hit at the desk of this person; cases are opened as of `nowMs`. */
  sight(person?: Person, changes?: object, nowMs?: number): Promise<void>;
  call(
    person: Person,
    method: string,
    path: string,
    body?: object,
    more?: object,
  ): Promise<Response>;
  cases(person: Person, query?: string): Promise<ShownCase[]>;
  /** Sights and gives the case back as the officer sees it. */
  opened(): Promise<ShownCase>;
  deliver(): Promise<void>;
  remove(): void;
}

/** The world over a database that is migrated and empty. */
export async function caseWorld(db: CentralDatabase): Promise<CaseWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sltd-attachments-'));
  const central = await centralWorld(db, { attachments: { folder } });
  const listed = ['L898902C3', 'M1', 'M2'].map((number) => record({ number }));
  await loadRecords(db, stream(listed), { asOf: AS_OF_MS, clock: () => NOW_MS });

  const sight: CaseWorld['sight'] = async (person = 'officer', changes = {}, nowMs = NOW_MS) => {
    const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] }, ...changes });
    await central.confirm(asked, await edgeToken(PEOPLE[person]));
    if (nowMs !== NOW_MS) {
      await db
        .updateTable('sightings')
        .set({ seen_at: nowMs })
        .where('case_id', 'is', null)
        .execute();
    }
    await openCases(db, nowMs);
  };
  const call: CaseWorld['call'] = async (person, method, path, body, more = {}) =>
    central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${await directToken(PEOPLE[person])}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...more,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const cases: CaseWorld['cases'] = async (person, query = '') => {
    const response = await call(person, 'GET', `/v1/cases${query}`);
    return ((await response.json()) as { items: ShownCase[] }).items;
  };
  return {
    ...{ central, folder, sight, call, cases },
    opened: async () => {
      await sight();
      return (await cases('officer'))[0]!;
    },
    deliver: async () => {
      const worker = new DeliveryWorker({
        ...{ db, reach: { loopback: true }, clock: () => NOW_MS, timeoutMs: 2_000 },
        onDelivered: (transaction, ids) => markNotified(transaction, ids, NOW_MS),
      });
      await worker.openLanes();
      await worker.settle();
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
