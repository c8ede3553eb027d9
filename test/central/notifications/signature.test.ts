/** Signatures are those of Standard Webhooks; the vector is of its reference libraries. */

import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { newSecret, signatureHeaders } from '../../../central/notifications/signature.ts';

/** standard-webhooks/standard-webhooks, libraries/javascript, test of sign(). */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const MESSAGE = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1_614_265_330,
  body: '{"test": 2432232314}',
};
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

it('a message has the signature of the reference libraries', () => {
  expect(signatureHeaders(MESSAGE, [SECRET])).toEqual({
    'webhook-id': MESSAGE.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': SIGNATURE,
  });
});

it('while a secret is changed, both sign', () => {
  const next = newSecret();
  const [ours, before] = signatureHeaders(MESSAGE, [next, SECRET])['webhook-signature'].split(' ');
  expect(before).toBe(SIGNATURE);
  const key = Buffer.from(next.replace('whsec_', ''), 'base64');
  const signed = `${MESSAGE.id}.${MESSAGE.timestampSeconds}.${MESSAGE.body}`;
  expect(ours).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  expect(key.length).toBe(32);
});
