/**
 * GET /: the officer's page. Which list is answered from, how old it is, and a form to ask.
 *
 * Server-rendered, by a template that escapes what is put in; public/console.js is its one script. Shows nothing of the list but edition and
 * age. The token stays in the browser's session and goes out only as the header of a check.
 */

import { html } from 'hono/html';
import type { OpenRoute } from '../middleware/guard.ts';
import { respond } from '../middleware/respond.ts';
import { type Age, ageOf, type Edition } from '../store/edition.ts';

const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function getConsole({ services, requestId, defer }: OpenRoute): Promise<Response> {
  const { limits } = services;
  const edition = await services.main.editions.current(defer).catch(() => undefined);
  const now = services.now();
  const age = edition && ageOf(edition.head, now, limits);
  const page = await pageOf(edition && age && { edition, age, now });
  return respond(page.toString(), {
    requestId,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
    },
  });
}

interface ListAge {
  edition: Edition;
  age: Age;
  /** Milliseconds since 1970. */
  now: number;
}

const pageOf = (list: ListAge | undefined) => html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Document check</title>
    <link rel="icon" href="/console.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/console.css">
    <script src="/console.js" type="module"></script>
  </head>
  <body>
    <main>
      <h1>Document check</h1>
      <p>Stolen and lost travel documents</p>
      ${list ? listStateOf(list) : NO_LIST}
      <noscript>
        <p class="notice">This form needs JavaScript. The interface at /v1/checks does not.</p>
      </noscript>
      ${CHECK_FORM}
      <section id="answer" aria-live="polite" aria-label="Answer"></section>
    </main>
  </body>
</html>`;

const NO_LIST = html`<p class="notice" id="list-state">
  No edition of the list is loaded: no document can be checked now.
</p>`;

const FRESHNESS_WORDS = {
  fresh: 'the newest',
  stale: 'perhaps not the newest, still usable',
  expired: 'too old to answer from',
};

function listStateOf({ edition, age, now }: ListAge) {
  const { asOf, sequence } = edition.head;
  const confirmed = `${ageText(age.ageSeconds)} ago: ${FRESHNESS_WORDS[age.freshness]}`;
  return html`<dl id="list-state" class="${age.freshness}">
  <div>
    <dt>Edition of the list</dt>
    <dd><code>${edition.id.slice(0, 12)}</code>, sequence ${sequence}</dd>
  </div>
  <div>
    <dt>Edition confirmed</dt>
    <dd>${confirmed}</dd>
  </div>
  <div>
    <dt>Reports up to</dt>
    <dd>
      <time datetime="${new Date(asOf).toISOString()}">${minuteOf(asOf)}</time>, ${ageText((now - asOf) / 1000)} ago
    </dd>
  </div>
</dl>`;
}

/** Such as 2026-11-22 17:05 UTC. */
const minuteOf = (timeMs: number) =>
  `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** In the largest unit of which there are two; public/console.js says it the same way. */
function ageText(ageSeconds: number): string {
  if (ageSeconds < 120) return `${Math.max(0, Math.floor(ageSeconds))} s`;
  if (ageSeconds < 7_200) return `${Math.floor(ageSeconds / 60)} min`;
  if (ageSeconds < 172_800) return `${Math.floor(ageSeconds / 3_600)} h`;
  return `${Math.floor(ageSeconds / 86_400)} days`;
}

const CHECK_FORM = html`<form id="check" novalidate>
    <fieldset>
      <legend>Ask by</legend>
      <label>
        <input type="radio" name="by" value="mrz" checked> machine readable zone
      </label>
      <label>
        <input type="radio" name="by" value="fields"> number and issuing state
      </label>
    </fieldset>
    <div data-by="mrz">
      <label for="mrz">Machine readable zone</label>
      <textarea
        id="mrz"
        name="mrz"
        rows="3"
        maxlength="256"
        spellcheck="false"
        autocomplete="off"
        autocapitalize="characters"
        aria-describedby="mrz-help"
      ></textarea>
      <p id="mrz-help">Two or three lines, as printed. Enter after the last one checks it.</p>
    </div>
    <div data-by="fields" hidden>
      <label for="number">Document number</label>
      <input id="number" name="number" maxlength="64" autocomplete="off" spellcheck="false">
      <label for="issuing-state">Issuing state</label>
      <input
        id="issuing-state"
        name="issuingState"
        maxlength="3"
        size="4"
        autocomplete="off"
        autocapitalize="characters"
        spellcheck="false"
        aria-describedby="state-help"
      >
      <p id="state-help">The code as in the document: D, FRA, UTO.</p>
      <label for="document-class">Kind of document</label>
      <select id="document-class" name="documentClass">
        <option value="">not known</option>
        <option value="passport">passport</option>
        <option value="identity">identity card or residence permit</option>
        <option value="visa">visa</option>
        <option value="other">other</option>
      </select>
    </div>
    <div>
      <label for="token">Access token</label>
      <input
        id="token"
        name="token"
        type="password"
        autocomplete="off"
        aria-describedby="token-help"
      >
      <p id="token-help">Kept in this tab only, until it is closed.</p>
    </div>
    <button type="submit">Check</button>
  </form>`;
