/**
 * The least a Hono route can do with a check: parse its JSON and answer JSON of the same size.
 *
 * With LINE it also does what any route does here that may ask about documents: an id for the request,
 * a caller who was verified before, the time that it took, and a line of the size of LINE in the log.
 */

import { Hono } from 'hono';

const app = new Hono<{ Bindings: { ANSWER: string; LINE?: string } }>();
const callers = new Map<string, object>();
let answer: object | undefined;
let line: object | undefined;

app.post('/v1/checks', async (c) => {
  const { ANSWER, LINE } = c.env;
  if (!LINE) {
    await c.req.json();
    answer ??= JSON.parse(ANSWER) as object;
    return c.json(answer);
  }
  const startedMs = performance.now();
  const requestId = crypto.randomUUID();
  const authorization = c.req.header('authorization') ?? '';
  let caller = callers.get(authorization);
  if (!caller) {
    caller = { authorization };
    callers.set(authorization, caller);
  }
  await c.req.json();
  line ??= JSON.parse(LINE) as object;
  const time = new Date().toISOString();
  const durationMs = performance.now() - startedMs;
  console.log(JSON.stringify({ ...line, time, requestId, durationMs }));
  return new Response(ANSWER, {
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
    },
  });
});

export default app;
