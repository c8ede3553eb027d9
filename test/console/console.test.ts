/**
 * The officer's page in a real browser, in front of the whole system with the sample export.
 *
 * What must hold: the answer in words that cannot be taken for an all-clear, for hands on a
 * keyboard and for ears as well; no document number anywhere but in the form and the answer (S8).
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { issueToken } from '../../data-build/keys/token.ts';
import { decodeHead } from '../../src/format/head.ts';
import { publishSpecimenCards } from '../../scripts/specimen-cards.ts';
import { type System, startSystem } from '../../scripts/system.ts';
import { findChromium, startBrowser, type Visit, visit } from '../support/browser.ts';
import { renderMrz } from '../support/render-mrz.ts';

const SAMPLE = fileURLToPath(new URL('../../data-build/sample/sltd-sample.csv', import.meta.url));
/** The specimen of ICAO Doc 9303-4, listed as stolen in the sample export. */
const SPECIMEN = [
  'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
  'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
];
const LISTED_NUMBER = 'L898902C3';
const UNLISTED_NUMBER = 'X47112340';
const UNLISTED = renderMrz({
  ...{ format: 'TD3', documentCode: 'P', issuingState: 'UTO', documentNumber: UNLISTED_NUMBER },
  ...{ birthDate: '740812', expiryDate: '330415' },
});
/** A state of which the sample export has no record. */
const SILENT_STATE = 'TUV';
const START_TIMEOUT_MS = 120_000;

const chromium = findChromium();
if ('reason' in chromium) console.warn(`the officer's page is not tested: ${chromium.reason}`);

describe.skipIf('reason' in chromium)("the officer's page", () => {
  let stateDir: string;
  let system: System;
  let browser: Browser;
  let token: string;
  const visits: Visit[] = [];

  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'sltd-console-'));
    system = await startSystem({ stateDir, exportFiles: [SAMPLE] });
    await publishSpecimenCards(system);
    token = await system.token('officer');
    if ('path' in chromium) browser = await startBrowser(chromium.path);
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await system?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  afterEach(async () => {
    const closed = visits.splice(0);
    await Promise.all(closed.map((one) => one.close()));
    for (const { complaints } of closed) expect(complaints).toEqual([]);
  });

  async function open(options?: Parameters<typeof visit>[2]): Promise<Visit> {
    const opened = await visit(browser, system.edgeUrl, options);
    visits.push(opened);
    return opened;
  }

  /** Asks about a zone and gives the words of the answer. */
  async function check(page: Page, lines: readonly string[], by = token): Promise<string> {
    await page.getByLabel('Machine readable zone', { exact: true }).fill(lines.join('\n'));
    await page.getByLabel('Access token').fill(by);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    return answerOf(page);
  }

  it('says which edition it answers from, when it was confirmed and how old the reports are', async () => {
    const { page } = await open();
    const { manifestSha256, sequence, asOf } = decodeHead(
      readFileSync(join(system.editionDir, 'head')),
    );
    const state = await page.locator('#list-state').innerText();
    expect(state).toContain(
      `${Buffer.from(manifestSha256).toString('hex').slice(0, 12)}, sequence ${sequence}`,
    );
    expect(state).toMatch(/\d+ s ago: the newest/);
    expect(state).toContain(new Date(asOf).toISOString().slice(0, 16).replace('T', ' '));
    expect(state).toMatch(/UTC, \d+ (s|min|h|days) ago/);
  });

  it('left open, it tells the age of now, and that the service has gone', async () => {
    const { page, complaints } = await open({ scripts: [FAST_TIMERS] });
    const state = page.locator('#list-state');
    await state.evaluate((shown) => shown.replaceChildren('as it was in the morning'));
    await expect.poll(() => state.innerText()).toMatch(/ago: the newest/);
    await page.context().setOffline(true);
    await expect.poll(() => state.innerText()).toContain('The service does not answer');
    expect(await check(page, UNLISTED)).toMatch(/^No answer\n[\s\S]*not an all-clear/);
    await page.context().setOffline(false);
    await expect.poll(() => state.innerText()).toMatch(/ago: the newest/);
    const others = complaints.filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED'));
    expect(others).toEqual([]);
    complaints.length = 0;
  });

  it('asks for a token when there is none, when it is not accepted and when it is not enough', async () => {
    const { page, addresses } = await open();
    expect(await check(page, SPECIMEN, '')).toContain('Please fill in: Access token.');
    expect(addresses.filter((address) => address.includes('/v1/'))).toEqual([]);
    expect(await focusedId(page)).toBe('token');
    const refused = await check(page, SPECIMEN, `${token.slice(0, -8)}AAAAAAAA`);
    expect(refused).toMatch(/^Not checked\n[\s\S]*The access token is not accepted/);
    expect(await focusedId(page)).toBe('token');
    const notEnough = await check(page, SPECIMEN, await system.token('auditor'));
    expect(notEnough).toMatch(/^Not checked\n[\s\S]*The access token does not allow checks/);
  });

  it('shows a hit with what to do and whom to ask', async () => {
    const { page } = await open();
    const words = await check(page, SPECIMEN);
    expect(words).toMatch(/^Reported\n/);
    expect(words).toContain('Verify with the National Central Bureau of the issuing state.');
    for (const fact of [LISTED_NUMBER, 'stolen', 'NCB-UTO', 'SPECIMEN-1']) {
      expect(words).toContain(fact);
    }
    expect(await page.locator('#answer').getAttribute('class')).toBe('hit');
  });

  it('tells that another bureau disputes the record', async () => {
    const { page } = await open();
    expect(await check(page, SPECIMEN)).not.toContain('Disputed');
    const ask = async (method: string, path: string, by: 'NCB-D' | 'NCB-UTO', body?: object) => {
      const about = { role: 'ncb', tenant: by, site: by, audience: 'central' } as const;
      const response = await fetch(`${system.centralUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await issueToken(system.keys, about)}`,
          'content-type': 'application/json',
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      expect(response.ok).toBe(true);
      return (await response.json()) as { id: string; items: { record: { id: string } }[] };
    };
    const [found] = (await ask('GET', '/v1/cases', 'NCB-UTO')).items;
    const challenges = `/v1/records/${found!.record.id}/challenges`;
    const { id } = await ask('POST', challenges, 'NCB-D', { reason: 'The holder has it.' });
    expect(await check(page, SPECIMEN)).toMatch(/Disputed\s+by another bureau/);
    const resolution = { outcome: 'record-stands', answer: 'It does.' };
    await ask('POST', `${challenges}/${id}/resolution`, 'NCB-UTO', resolution);
    expect(await check(page, SPECIMEN)).not.toContain('Disputed');
  });

  it('links the card of such a document with a hit, and a carrier sees none', async () => {
    const { page } = await open();
    await check(page, SPECIMEN);
    const link = page.getByRole('link', { name: 'Utopia, passport, series L (specimen)' });
    const href = await link.getAttribute('href');
    expect(href).not.toContain(LISTED_NUMBER);
    const opened = await visit(browser, href!, { scripts: [axe.source] });
    visits.push(opened);
    await opened.page.getByRole('link', { name: 'Français' }).click();
    expect(await opened.page.getByRole('heading', { level: 1 }).textContent()).toContain('Utopie');
    const widths = await opened.page
      .locator('img')
      .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth));
    expect(widths).toHaveLength(2);
    expect(Math.min(...widths)).toBeGreaterThan(0);
    expect(await violationsOf(opened.page)).toEqual([]);
    await check(page, SPECIMEN, await system.token('carrier'));
    expect(await link.count()).toBe(0);
  });

  it('shows a document that is not listed as not reported, with the age, and never as valid', async () => {
    const { page } = await open();
    const words = await check(page, UNLISTED);
    expect(words).toMatch(/^Not reported\n/);
    expect(words).toMatch(/Reports up to\s+\d{4}-\d\d-\d\d \d\d:\d\d UTC, \d+ (s|min|h|days) ago/);
    expect(words).toMatch(/Edition confirmed\s+\d+ s ago/);
    expect(await page.content()).not.toMatch(/\bvalid|genuine|\bsafe\b|\bok\b/i);
    expect(await page.locator('#answer').getAttribute('class')).toBe('clear');
  });

  it('does not show the color of clear for a state that reports nothing', async () => {
    const { page } = await open();
    await page.getByLabel('number and issuing state').check();
    await page.getByLabel('Document number').fill(UNLISTED_NUMBER);
    await page.getByLabel('Issuing state', { exact: true }).fill(SILENT_STATE);
    await page.getByLabel('Access token').fill(token);
    await page.keyboard.press('Enter');
    expect(await answerOf(page)).toMatch(/^No reports from this state\n[\s\S]*nothing to compare/);
    expect(await page.locator('#answer').getAttribute('class')).toBe('unknown');
  });

  it('asks to read again when the check digit is wrong', async () => {
    const { page } = await open();
    const words = await check(page, [SPECIMEN[0]!, SPECIMEN[1]!.replace('C36UTO', 'C37UTO')]);
    expect(words).toMatch(/^Cannot be checked\n[\s\S]*check digit[\s\S]*Read the document again\./);
  });

  it('sends to a second check while central is down, and shows the hit when it is back', async () => {
    const { page } = await open();
    await system.killCentral();
    try {
      const words = await check(page, SPECIMEN);
      expect(words).toMatch(/^Perhaps reported\n[\s\S]*second check/);
      expect(words).not.toMatch(/not reported/i);
      expect(await page.locator('#answer').getAttribute('class')).toBe('candidate');
    } finally {
      await system.startCentral();
    }
    await expect
      .poll(
        async () => {
          const again = page.getByRole('button', { name: 'Ask again' });
          if (await again.isVisible()) await again.click();
          return answerOf(page);
        },
        { timeout: 30_000, interval: 1_000 },
      )
      .toMatch(/^Reported\n/);
  });

  it('shows a carrier no more than a second check', async () => {
    const { page } = await open();
    const words = await check(page, SPECIMEN, await system.token('carrier'));
    expect(words).toMatch(/^Perhaps reported\n[\s\S]*second check/);
    expect(words).not.toMatch(/stolen|SPECIMEN|NCB-/);
  });

  it('takes an answer away with the first change of the form, also one on its way', async () => {
    const { page } = await open();
    expect(await check(page, UNLISTED)).toMatch(/^Not reported/);
    await page.locator('#mrz').press('End');
    await page.keyboard.type('X');
    expect(await page.locator('#answer').innerText()).toBe('');

    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route('**/v1/checks', async (route) => {
      await held;
      // The page may have given up on it already.
      await route.continue().catch(() => {});
    });
    await page.locator('#mrz').fill(UNLISTED.join('\n'));
    const sent = page.waitForRequest('**/v1/checks');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await sent;
    expect(await page.locator('#answer').innerText()).toBe('Checking …');
    // One event: a second one would take away what the first had let through.
    await page.locator('#mrz').press('X');
    release();
    await page.waitForTimeout(500);
    expect(await page.locator('#answer').innerText()).toBe('');
  });

  it('works by keyboard alone: tab order, arrows, Enter', async () => {
    const { page } = await open();
    const order: string[] = [];
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('Tab');
      order.push(await focusedId(page));
    }
    expect(order).toEqual(['by', 'mrz', 'token', 'Check']);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.insertText(token);
    await page.keyboard.press('Shift+Tab');
    // As a reader sends it: every line ends with Enter, and the last one asks.
    for (const line of SPECIMEN) {
      await page.keyboard.insertText(line);
      await page.keyboard.press('Enter');
    }
    expect(await answerOf(page)).toMatch(/^Reported\n/);
    expect(await focusedId(page)).toBe('mrz');
    for (const line of UNLISTED) {
      await page.keyboard.insertText(line);
      await page.keyboard.press('Enter');
    }
    expect(await answerOf(page)).toMatch(/^Not reported\n/);

    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Tab');
    expect(await focusedId(page)).toBe('number');
    await page.keyboard.type(LISTED_NUMBER.toLowerCase());
    await page.keyboard.press('Tab');
    await page.keyboard.type('uto');
    await page.keyboard.press('Enter');
    expect(await answerOf(page)).toMatch(/^Reported\n/);
    expect(await focusedId(page)).toBe('issuing-state');
  });

  it('announces the answer: the live region is there before the words are', async () => {
    const { page } = await open();
    const region = page.getByRole('region', { name: 'Answer' });
    const node = await region.elementHandle();
    expect(await region.getAttribute('aria-live')).toBe('polite');
    expect(await node?.evaluate((shown) => getComputedStyle(shown).display)).not.toBe('none');
    await check(page, SPECIMEN);
    expect(await node?.innerText()).toMatch(/^Reported\n/);
    await expect.poll(() => isInView(page, '#answer h2')).toBe(true);
  });

  it('keeps no document number in an address, a store of the browser or its history', async () => {
    const { page, addresses } = await open();
    await check(page, SPECIMEN);
    await check(page, UNLISTED);
    const kept = await page.evaluate(async () => ({
      local: { ...localStorage },
      session: { ...sessionStorage },
      cookie: document.cookie,
      caches: await caches.keys(),
      databases: (await indexedDB.databases()).length,
      history: history.length,
      state: history.state,
    }));
    expect(kept).toEqual({
      ...{ local: {}, session: { 'sltd-token': token }, cookie: '', caches: [], databases: 0 },
      ...{ history: expect.any(Number), state: null },
    });
    expect(addresses.filter((address) => address.endsWith('/v1/checks'))).toHaveLength(2);
    for (const text of [...addresses, page.url(), await page.title()]) {
      for (const secret of [LISTED_NUMBER, UNLISTED_NUMBER, 'ERIKSSON', token]) {
        expect(text).not.toContain(secret);
      }
    }
    await page.reload();
    expect(await page.locator('#mrz').inputValue()).toBe('');
  });

  it('has a policy that a script or a style of another hand breaks', async () => {
    const { page, complaints } = await open();
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.intruder = true';
      document.head.append(script);
      document.body.insertAdjacentHTML('beforeend', '<p style="color: red">x</p>');
      return 'intruder' in window;
    });
    expect(ran).toBe(false);
    await expect
      .poll(() => complaints.join('\n'))
      .toMatch(/policy script-src-elem[\s\S]*policy style-src-attr/);
    complaints.length = 0;
  });

  it.each(['light', 'dark'] as const)('has no accessibility violation in %s', async (scheme) => {
    const { page } = await open({ colorScheme: scheme, scripts: [axe.source] });
    const violations: string[] = await violationsOf(page);
    for (const lines of [SPECIMEN, UNLISTED, [SPECIMEN[0]!, UNLISTED[1]!.slice(1)]]) {
      await check(page, lines);
      violations.push(...(await violationsOf(page)));
    }
    await check(page, SPECIMEN, await system.token('carrier'));
    violations.push(...(await violationsOf(page)));
    await page.getByLabel('number and issuing state').check();
    await askWithoutNumber(page);
    violations.push(...(await violationsOf(page)));
    expect(violations).toEqual([]);
  });

  it('fits a width of 320 pixels without sideways scrolling', async () => {
    const { page } = await open({ viewport: { width: 320, height: 568 } });
    expect(await widthOf(page)).toBeLessThanOrEqual(320);
    await check(page, SPECIMEN);
    expect(await widthOf(page)).toBeLessThanOrEqual(320);
    await expect.poll(() => isInView(page, '#answer h2')).toBe(true);
    await page.getByLabel('number and issuing state').check();
    await askWithoutNumber(page);
    expect(await widthOf(page)).toBeLessThanOrEqual(320);
  });
});

/** Every timer that repeats does so ten times a second: the page's own interval is half a minute. */
const FAST_TIMERS = `{
  const inner = window.setInterval;
  window.setInterval = (run) => inner(run, 100);
}`;

/** Sends the form of fields without a number: the page itself has to complain. */
async function askWithoutNumber(page: Page): Promise<void> {
  await page.getByLabel('Document number').fill('');
  await page.getByLabel('Document number').press('Enter');
  expect(await answerOf(page)).toContain('Please fill in: Document number.');
}

/** Words of the answer, once there is one. */
async function answerOf(page: Page): Promise<string> {
  await page.locator('#answer h2').filter({ hasNotText: 'Checking' }).waitFor();
  return page.locator('#answer').innerText();
}

/** Id, name or words of what has the focus. */
const focusedId = (page: Page) =>
  page.evaluate(() => {
    const focused = document.activeElement as HTMLInputElement | null;
    return focused?.id || focused?.name || focused?.textContent || '';
  });

const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

const isInView = (page: Page, selector: string) =>
  page.locator(selector).evaluate((shown) => {
    const { top, bottom } = shown.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });

/** Rules of axe-core that the page breaks as it stands, with the place. */
const violationsOf = (page: Page) =>
  page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document);
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
  });
