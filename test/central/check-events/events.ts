/** Check events as an edge writes them, and the keys of their tags. */

import { randomUUID } from 'node:crypto';
import { tagOfName } from '../../../central/check-events/tag-of-name.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { DayKeys, dayOf } from '../../../src/format/tag-key.ts';
import { AS_OF_MS, NOW_MS } from '../records.ts';

export const DAY_MS = 86_400_000;
const TAG_KEY = { month: '2026-01', bytes: new Uint8Array(32).fill(7) };
export const dayKeys = new DayKeys(TAG_KEY);

/** The tags of documents on a day, as an edge writes them; '' leaves a place empty. */
async function tagsOf(names: readonly string[], ms: number): Promise<string> {
  const key = (await dayKeys.of(dayOf(ms)))!;
  const bytes = Buffer.alloc(8 * names.length);
  for (const [place, name] of names.entries()) {
    if (name !== '') bytes.writeBigInt64LE(tagOfName(name, key), 8 * place);
  }
  return bytes.toString('base64url');
}

/** A clear check of one passport at a desk; the changes are what the test is about. */
export async function checkEvent(
  changes: Partial<CheckEvent> & { names?: readonly string[] } = {},
): Promise<CheckEvent> {
  const { names = ['UTOX1234567'], ...rest } = changes;
  const time = rest.time ?? new Date(NOW_MS).toISOString();
  return {
    event: 'check',
    collection: 'sltd',
    time,
    requestId: randomUUID(),
    route: 'POST /v1/checks',
    tenant: 'BORDER-UTO',
    site: 'desk-1',
    role: 'officer',
    sub: 'officer-1',
    purpose: 'border-check',
    direction: 'entry',
    edition: 'ab'.repeat(32),
    sequence: 7,
    asOf: new Date(AS_OF_MS).toISOString(),
    central: 'not-asked',
    durationMs: 2,
    answers: 'c'.repeat(names.length),
    tags: await tagsOf(names, Date.parse(time)),
    ...rest,
  };
}
