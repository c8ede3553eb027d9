/** Dates of an export: those that exist, in three spellings, and nothing guessed. */

import { expect, it } from 'vitest';
import { importDate } from '../../data-build/import/import-date.ts';

const two = (number: number) => String(number).padStart(2, '0');

it('takes every day that the calendar has, and no other', () => {
  for (const year of [1900, 1999, 2000, 2023, 2024, 2100]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${year}-${two(month)}-${two(day)}`;
        const time = Date.parse(text);
        const exists = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
        expect(importDate(text), text).toBe(exists ? text : undefined);
      }
    }
  }
});

it.each([
  ['20240229', '2024-02-29'],
  ['1.2.2024', '2024-02-01'],
  ['01. 02. 2024', '2024-02-01'],
  [' 2024-02-01T10:00:00Z ', '2024-02-01'],
  ['29.2.2023', undefined],
  ['03/04/2020', undefined],
  ['20a4-02-01', undefined],
  ['2024-0b-01', undefined],
  ['2024-02-0c', undefined],
  ['', undefined],
])('reads %s as %s', (text, date) => {
  expect(importDate(text)).toBe(date);
});
