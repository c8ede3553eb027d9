/** Tag keys: a chain that goes forward only, and tags that both sides make alike. */

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tagger } from '../../src/check/audit.ts';
import { canonicalKey, documentName } from '../../src/document/canonical-key.ts';
import { sipHash128 } from '../../src/document/digest.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import {
  DayKeys,
  dayOf,
  parseTagKey,
  type TagKey,
  tagKeyOfMonth,
  tagKeyText,
} from '../../src/format/tag-key.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';

const KEY: TagKey = { month: '2026-11', bytes: new Uint8Array(32).map((_, i) => i) };
const NOV_22 = Date.UTC(2026, 10, 22, 12);

const wasm = await WebAssembly.compile(
  readFileSync(new URL('../../build/matcher.wasm', import.meta.url)),
);

describe('a tag key', () => {
  it('is read as it is written', () => {
    expect(parseTagKey(tagKeyText(KEY))).toEqual(KEY);
  });

  it.each(['', '2026-11', `2026-13:${'A'.repeat(43)}`, `2026-11:${'A'.repeat(42)}`, 'x:y'])(
    'is refused as "%s"',
    (text) => {
      expect(parseTagKey(text)).toBeUndefined();
    },
  );

  it('makes that of the next month, over the turn of the year, by HMAC-SHA-256', async () => {
    const december = createHmac('sha256', KEY.bytes).update('sltd-tag-month 2026-12').digest();
    const january = createHmac('sha256', december).update('sltd-tag-month 2027-01').digest();
    expect(await tagKeyOfMonth(KEY, '2027-01')).toEqual({
      month: '2027-01',
      bytes: new Uint8Array(january),
    });
    expect(await tagKeyOfMonth(KEY, '2026-11')).toEqual(KEY);
  });

  it('cannot make that of a month before: a key that was put away is gone', async () => {
    expect(await tagKeyOfMonth(KEY, '2026-10')).toBeUndefined();
    expect(await new DayKeys(KEY).of(dayOf(Date.UTC(2026, 9, 31, 23, 59)))).toBeUndefined();
  });

  it('gives the same day key whichever month of the chain it starts from', async () => {
    const later = (await tagKeyOfMonth(KEY, '2026-12'))!;
    const day = dayOf(Date.UTC(2027, 1, 28));
    expect(await new DayKeys(later).of(day)).toEqual(await new DayKeys(KEY).of(day));
  });

  it('gives every day another key', async () => {
    const keys = new DayKeys(KEY);
    const seen = new Set<string>();
    for (let day = 0; day < 100; day++) {
      seen.add(Buffer.from((await keys.of(dayOf(NOV_22) + day))!).toString('hex'));
    }
    expect(seen.size).toBe(100);
  });
});

describe('a tag', () => {
  const tagger = new Tagger(new WasmMatcher(wasm), KEY);
  const nameOf = (cls: 'passport' | 'identity', number: string) =>
    documentName(canonicalKey(cls, 'D' as StateCode, number));

  it('is SipHash of issuing state and number, as central makes it', async () => {
    const key = (await new DayKeys(KEY).of(dayOf(NOV_22)))!;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.stringMatching(/^[A-Z0-9]{1,32}$/), { nil: undefined }), {
          minLength: 1,
          maxLength: 300,
        }),
        async (numbers) => {
          const names = numbers.map((number) => number && nameOf('passport', number));
          const tags = Buffer.from((await tagger.tagsOf(names as never, NOV_22))!, 'base64url');
          const expected = names.map((name) =>
            name
              ? sipHash128(key, new TextEncoder().encode(name)).subarray(0, 8)
              : new Uint8Array(8),
          );
          expect(tags).toEqual(Buffer.concat(expected));
        },
      ),
    );
  });

  it('is the same for every class, and another on every day', async () => {
    const tag = (cls: 'passport' | 'identity', ms: number) =>
      tagger.tagsOf([nameOf(cls, 'C01X00T47')], ms);
    expect(await tag('passport', NOV_22)).toBe(await tag('identity', NOV_22));
    expect(await tag('passport', NOV_22)).not.toBe(await tag('passport', NOV_22 + 86_400_000));
  });

  it('is not there before the month of the key', async () => {
    expect(await tagger.tagsOf([nameOf('passport', 'X1')], Date.UTC(2026, 9, 1))).toBeUndefined();
  });
});
