/**
 * A real browser for the tests of the officer's page, and what it notices while it shows one.
 *
 * Chromium is the one that CHROMIUM names, else Debian's. Every visit is a profile of its own, in
 * memory, and sees this machine only: names of other hosts do not resolve. What a page must never
 * do (write an error, break its policy, talk to another host) is collected as complaints.
 */

import { accessSync, constants } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const DEBIAN_PATH = '/usr/bin/chromium';
const ACTION_TIMEOUT_MS = 15_000;

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** Path of the Chromium of this machine, or why there is none. */
export function findChromium(): { path: string } | { reason: string } {
  const path = process.env.CHROMIUM || DEBIAN_PATH;
  try {
    accessSync(path, constants.X_OK);
    return { path };
  } catch {
    return { reason: `no Chromium at ${path} (.ci/chromium installs it; CHROMIUM names another)` };
  }
}

/** Starts Chromium without a window, with a new profile that is removed when it closes. */
export function startBrowser(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: FLAGS });
}

/** A page that was opened, and what was seen on it. */
export interface Visit {
  page: Page;
  /** Errors and warnings of the page, broken policies, requests to other hosts; wants none. */
  complaints: string[];
  /** Address of every request, in order. */
  addresses: string[];
  close(): Promise<void>;
}

/** Opens the address in a fresh profile; `scripts` run in the page before its own. */
export async function visit(
  browser: Browser,
  address: string,
  options: BrowserContextOptions & { scripts?: readonly string[] } = {},
): Promise<Visit> {
  const { scripts = [], ...contextOptions } = options;
  const context = await browser.newContext(contextOptions);
  context.setDefaultTimeout(ACTION_TIMEOUT_MS);
  const complaints: string[] = [];
  const addresses: string[] = [];
  const { host } = new URL(address);
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      console.error(`policy ${effectiveDirective} broken by ${blockedURI}`),
    );
  });
  for (const content of scripts) await context.addInitScript({ content });
  context.on('request', (request) => {
    addresses.push(request.url());
    if (new URL(request.url()).host !== host) complaints.push(`request to ${request.url()}`);
  });
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    const isLoud = message.type() === 'error' || message.type() === 'warning';
    // The browser writes this line for every 4xx and 5xx, which are answers of a check like others.
    const isAnswer =
      message.text().startsWith('Failed to load resource: the server responded') &&
      new URL(message.location().url).pathname.startsWith('/v1/checks');
    if (isLoud && !isAnswer) complaints.push(message.text());
  });
  const page = await context.newPage();
  await page.goto(address);
  return { page, complaints, addresses, close: () => context.close() };
}
