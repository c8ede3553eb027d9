/** An endpoint cannot point central inwards, by address or by name. */

import { describe, expect, it } from 'vitest';
import {
  endpointUrl,
  guardedLookup,
  isPublicAddress,
} from '../../../central/notifications/address-guard.ts';

const CLOSED = { loopback: false };

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fe80::1',
    'ff02::1',
    'localhost',
    '',
  ])('is not public: %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    'is public: %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('the URL of an endpoint', () => {
  it.each([
    'http://ncb.example/hook',
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://user:password@ncb.example/',
    'ftp://ncb.example/',
    'file:///etc/passwd',
    'ncb.example',
    '',
    `https://ncb.example/${'x'.repeat(600)}`,
  ])('is refused: %s', (text) => {
    expect(() => endpointUrl(text, CLOSED)).toThrow('refused');
  });

  it('is https, with a name or a public address', () => {
    expect(endpointUrl('https://ncb.example/hook?x=1#part', CLOSED).href).toBe(
      'https://ncb.example/hook?x=1',
    );
    expect(endpointUrl('https://8.8.8.8:8443/', CLOSED).host).toBe('8.8.8.8:8443');
  });

  it('may be this machine where that is allowed, and still no other private one', () => {
    const reach = { loopback: true };
    expect(endpointUrl('http://127.0.0.1:8080/', reach).port).toBe('8080');
    expect(() => endpointUrl('http://10.0.0.1/', reach)).toThrow('refused');
  });
});

describe('a name', () => {
  const look = (name: string, loopback: boolean) =>
    new Promise((resolve) => {
      guardedLookup({ loopback })(name, { all: true }, (error, addresses) =>
        resolve(error ? error.code : addresses),
      );
    });

  it('that leads inwards is refused when the connection is made', async () => {
    expect(await look('localhost', false)).toBe('EREACH');
  });

  it('may lead to this machine where that is allowed', async () => {
    expect(await look('localhost', true)).toContainEqual(
      expect.objectContaining({ address: expect.stringMatching(/^(127\.|::1)/) }),
    );
  });
});
