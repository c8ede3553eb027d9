/** The thread beside the one that answers: what it is handed is stored, and its end is noticed. */

import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NewSighting } from '../../central/cases/tables.ts';
import { JobsThread } from '../../central/jobs-thread.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { NOW_MS } from './records.ts';
import { CENTRAL_JWK, EDGE_JWK, TOKEN_JWK } from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const SETTINGS = {
  CENTRAL_SIGNING_KEY: JSON.stringify(CENTRAL_JWK),
  EDGE_KEYS: String(EDGE_JWK.x),
  TOKEN_KEYS: String(TOKEN_JWK.x),
};

const hit = (changes: Partial<NewSighting> = {}): NewSighting => ({
  ...{ id: 'one', record_id: 'r', issuing_state: 'UTO', category: 'stolen' },
  ...{ tenant: 'BORDER-D', site: 'FRA/7', subject: 'o', asking_state: null },
  ...{ purpose: null, direction: null, seen_at: NOW_MS },
  ...changes,
});

/** A thread takes its settings from the environment of the moment in which it starts. */
function startThread(settings: Readonly<Record<string, string>>): JobsThread {
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  try {
    return new JobsThread();
  } finally {
    vi.unstubAllEnvs();
  }
}

describe.each(kinds)('the thread of the jobs on $name', ({ create }) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await create();
  });
  afterEach(() => database.remove());

  const location = (): Record<string, string> =>
    'url' in database.location
      ? { DATABASE_URL: database.location.url }
      : { DATABASE_URL: '', DATABASE_FILE: database.location.file };

  it('stores hits, says of each answer what came of it, and opens their cases', async () => {
    const { db } = database;
    const thread = startThread({ ...SETTINGS, ...location() });
    const bad = hit({ id: 'bad', tenant: null as unknown as string });
    const outcomes = await Promise.all([
      thread.store([hit()]),
      thread.store([bad]),
      thread.store([hit({ id: 'two', record_id: 's' }), hit({ id: 'three', record_id: 't' })]),
      thread.store([hit()]),
    ]);
    expect(outcomes).toEqual(['stored', 'refused', 'stored', 'stored']);
    const cases = async () => (await db.selectFrom('cases').select('id').execute()).length;
    await expect.poll(cases, { timeout: 10_000 }).toBe(3);
    await thread.halt();
    // No case is opened any more, and hits are still written down.
    expect(await thread.store([hit({ id: 'four', record_id: 'u' })])).toBe('stored');
    await thread.end();
    const rows = await db.selectFrom('sightings').select(['id', 'case_id']).orderBy('id').execute();
    expect(rows.map(({ id, case_id }) => [id, case_id !== null])).toEqual([
      ['four', false],
      ['one', true],
      ['three', true],
      ['two', true],
    ]);
  });

  it('is known to have ended where it cannot begin', async () => {
    const thread = startThread({ ...SETTINGS, ...location(), EDGE_KEYS: 'none' });
    const outcome = thread.store([hit()]);
    await expect(thread.failed).rejects.toThrow();
    // Nobody waits for good, and no hit counts as stored.
    expect([await outcome, await thread.store([hit()])]).toEqual(['busy', 'busy']);
    await thread.halt();
    await thread.end();
  });
});
