/** Forms of identifiers, names, times and days: what passes is in the calendar, can be shown and be stored. */

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseCheckLine } from '../../src/format/check-event.ts';
import { Day, Id, Name, Time } from '../../src/format/forms.ts';
import { checkEvent } from '../central/check-events/events.ts';

const FORMS: [string, v.GenericSchema, { taken: string[]; refused: string[] }][] = [
  [
    'a time has its zone and is in the calendar',
    Time,
    {
      taken: ['2024-02-29T23:59:59Z', '2026-11-22T03:00:00.123456Z', '2026-11-22T03:00:00+05:30'],
      refused: [
        ...['2026-02-29T00:00:00Z', '2026-11-22T03:00:00', '2026-11-22T03:00:00+01'],
        ...['2026-11-22T24:00:00Z', '2026-11-22T03:60:00Z', '2026-11-22 03:00:00Z', ''],
      ],
    },
  ],
  [
    'a day is in the calendar',
    Day,
    {
      taken: ['2024-02-29', '2026-12-31'],
      refused: [
        '2026-02-29',
        '2026-02-31',
        '2026-00-01',
        '2026-1-1',
        '+002026-01-01',
        '2026-01-01Z',
      ],
    },
  ],
  [
    'a name is one line',
    Name,
    {
      taken: ['FRA/7', 'Zürich', 'x'.repeat(128)],
      refused: ['', 'x'.repeat(129), 'a\0', 'a\nb', 'a\u0085b', '\ud800'],
    },
  ],
  [
    'an identifier has 22 characters of base64url',
    Id,
    { taken: ['A'.repeat(22), '_-'.repeat(11)], refused: ['A'.repeat(21), `${'A'.repeat(22)}\n`] },
  ],
];

describe('the form of', () => {
  it.each(FORMS)('%s', (_, schema, { taken, refused }) => {
    expect(taken.filter((text) => !v.is(schema, text))).toEqual([]);
    expect(refused.filter((text) => v.is(schema, text))).toEqual([]);
  });

  it('a check event is one for its names and times as well', async () => {
    const event = await checkEvent();
    expect(parseCheckLine(event)).toHaveLength(1);
    for (const bad of [{ site: 'a\0' }, { tenant: '' }, { time: '2026-02-31T00:00:00Z' }]) {
      expect(parseCheckLine({ ...event, ...bad })).toBeUndefined();
    }
  });
});
