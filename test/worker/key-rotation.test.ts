/**
 * Every key is changed while the edge runs: with both keys held it believes either, and with the old
 * one removed only the new.
 */

import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/world.ts';
import { toHex } from '../../src/format/names.ts';
import { signingKey } from '../../src/format/signature.ts';
import { makeSigningJwk, makeTestKeys, type TestKeys } from '../support/edition.ts';
import { Edge, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

type Role = 'edition' | 'overlay' | 'head' | 'central' | 'token' | 'edge';

const SETTING = {
  edition: 'EDITION_KEYS',
  overlay: 'OVERLAY_KEYS',
  head: 'HEAD_KEYS',
  central: 'CENTRAL_KEYS',
  token: 'TOKEN_KEYS',
} as const;

/** The keys with a new one for this role. */
async function rotated(keys: TestKeys, role: Role): Promise<TestKeys> {
  const jwk = await makeSigningJwk();
  return { ...keys, [role]: await signingKey(jwk), jwk: { ...keys.jwk, [role]: jwk } };
}

const overlay = [{ ...SPECIMEN, number: 'NEW1', kind: 'added' as const }];

/** The key settings of an edge: the new one, and with it the one before or not. */
function settingsOf(role: keyof typeof SETTING, next: TestKeys, before?: TestKeys): Partial<Env> {
  return { [SETTING[role]]: [next, before].flatMap((keys) => keys?.jwk[role].x ?? []).join(',') };
}

describe.each(['edition', 'overlay', 'head'] as const)('the %s key', (role) => {
  it('is changed without a gap, and the old one is believed no longer once it is removed', async () => {
    const before = await makeTestKeys();
    const next = await rotated(before, role);
    const both = await Edge.start({
      keys: before,
      env: settingsOf(role, next, before),
      ...{ spec: { overlay }, withoutCentral: true },
    });
    expect((await both.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    // The signer has the new key; readers have held it since before.
    const other = await Edge.start({
      keys: next,
      env: settingsOf(role, next),
      ...{ spec: { overlay, sequence: 2 }, withoutCentral: true },
    });
    await both.services.main.editions.poll(() => {});
    expect(both.services.main.editions.edition?.head.sequence).toBe(2);
    expect((await other.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    // Whoever still has the old key signs in vain.
    const late = await Edge.start({
      keys: before,
      env: settingsOf(role, next),
      ...{ spec: { overlay, sequence: 3 }, withoutCentral: true },
    });
    expect((await late.ask(OTHER_FIELDS)).answer.status).toBe('unknown');
    expect(late.services.main.editions.lastFailure).toBe('format-signature');
  });
});

describe('the epoch key', () => {
  it('is changed with an edition under either, until the old one is removed', async () => {
    const before = await makeTestKeys();
    const next = { ...before, epochKey: crypto.getRandomValues(new Uint8Array(16)) };
    const EPOCH_KEYS = `${toHex(next.epochKey)},${toHex(before.epochKey)}`;
    const options = { keys: before, withoutCentral: true };
    const both = await Edge.start({ ...options, env: { EPOCH_KEYS }, spec: { overlay } });
    expect((await both.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    const retired = { EPOCH_KEYS: toHex(next.epochKey) };
    const early = await Edge.start({ ...options, env: retired, spec: { overlay } });
    expect((await early.ask(OTHER_FIELDS)).answer.status).toBe('unknown');
    // The next full build is under the new key: then the old one can go.
    const late = await Edge.start({
      keys: next,
      spec: { overlay, sequence: 2 },
      withoutCentral: true,
    });
    expect((await late.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    await both.services.main.editions.poll(() => {});
    expect(both.services.main.editions.edition?.head.sequence).toBe(2);
    expect((await both.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
  });
});

it('the central key: an answer by either confirms, and by one that is removed none', async () => {
  const before = await makeTestKeys();
  const next = await rotated(before, 'central');
  const statusWith = async (keys: TestKeys, env: Partial<Env>) => {
    const edge = await Edge.start({ keys, env });
    edge.central.list(SPECIMEN_KEY);
    return (await edge.ask(SPECIMEN_FIELDS)).answer.status;
  };
  const both = settingsOf('central', next, before);
  expect(await statusWith(before, both)).toBe('hit');
  expect(await statusWith(next, both)).toBe('hit');
  expect(await statusWith(before, settingsOf('central', next))).toBe('candidate');
});

it('the token key: a token by either lets in, and by one that is removed none', async () => {
  const before = await makeTestKeys();
  const next = await rotated(before, 'token');
  const httpWith = async (keys: TestKeys, env: Partial<Env>) =>
    (await (await Edge.start({ keys, env })).check(OTHER_FIELDS)).status;
  const both = settingsOf('token', next, before);
  expect(await httpWith(before, both)).toBe(200);
  expect(await httpWith(next, both)).toBe(200);
  expect(await httpWith(before, settingsOf('token', next))).toBe(401);
});

it('the seal: a check id under either opens, and under one that is removed it does not', async () => {
  const [before, next] = ['A'.repeat(43), `${'B'.repeat(42)}A`] as const;
  const keys = await makeTestKeys();
  const start = (SEAL_KEY: string) => Edge.start({ keys, env: { SEAL_KEY }, withoutCentral: true });
  const { answer } = await (await start(before)).ask(SPECIMEN_FIELDS);
  const httpWith = async (setting: string) =>
    (await (await start(setting)).get(`/v1/checks/${answer.checkId}`)).status;
  expect(await httpWith(`${next},${before}`)).toBe(202);
  expect(await httpWith(next)).toBe(404);
  await expect(start(`${next},`)).rejects.toMatchObject({ code: 'config-invalid' });
});
