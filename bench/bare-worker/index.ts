/** The least a Hono route can do with a check: parse its JSON and answer JSON of the same size. */

import { Hono } from 'hono';

const app = new Hono<{ Bindings: { ANSWER: string } }>();
let answer: object | undefined;

app.post('/v1/checks', async (c) => {
  await c.req.json();
  answer ??= JSON.parse(c.env.ANSWER) as object;
  return c.json(answer);
});

export default app;
