/** Keys files: how keys are made, changed and handed out, and that none of them is shown. */

import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../data-build/command.ts';
import { KEYS } from '../../data-build/commands/keys.ts';
import { TAG_KEY } from '../../data-build/commands/tag-key.ts';
import { KEY_NAMES, keyIdsOf, retireKey, rotateKey } from '../../data-build/keys/key-rotation.ts';
import {
  CENTRAL_SETTINGS,
  EDGE_SETTINGS,
  KEY_SETTINGS,
  PUBLISHER_SETTINGS,
  settingValues,
} from '../../data-build/keys/key-settings.ts';
import { createKeys, KEY_ROLES, readKeys, writeKeys } from '../../data-build/keys/keys.ts';
import { epochKeyId } from '../../src/document/digest.ts';
import { fromHex, toHex } from '../../src/format/names.ts';
import { verifyKeys } from '../../src/format/signature.ts';
import { runAt, sltd, workspace } from './workspace.ts';

const space = workspace();

/** Everything in the file that nobody else may see. */
function secretsOf(keys = space.keys): string[] {
  return [keys.epochKey, keys.seal, ...KEY_ROLES.map((role) => keys[role].d)];
}

describe('a change of keys', () => {
  test.each(KEY_NAMES)(
    'keeps the old %s key beside the new one until it is retired',
    async (name) => {
      const before = createKeys();
      const both = rotateKey(before, name);
      const [old, now] = [await idsOf(before), await idsOf(both)];
      for (const each of KEY_NAMES) {
        const isChanged = each === name;
        expect(now[each]!.previous).toBe(isChanged ? old[each]!.current : undefined);
        expect(now[each]!.current === old[each]!.current).toBe(!isChanged);
      }
      expect(() => rotateKey(both, name)).toThrow(/retire the previous/);
      const after = retireKey(both, name);
      expect(JSON.stringify(after)).not.toContain(old[name]!.current);
      expect((await idsOf(after))[name]).toEqual({ name, current: now[name]!.current });
      expect(() => retireKey(after, name)).toThrow(/no previous/);
    },
  );

  test('keeps of an old signing key only what is public', () => {
    for (const role of KEY_ROLES) {
      const before = createKeys();
      const text = JSON.stringify(rotateKey(before, role));
      expect(text).toContain(before[role].x);
      expect(text).not.toContain(before[role].d);
    }
  });

  test('of several keys, retired one by one', () => {
    let keys = createKeys();
    for (const name of KEY_NAMES) keys = rotateKey(keys, name);
    for (const name of KEY_NAMES) keys = retireKey(keys, name);
    expect(Object.keys(keys).sort()).toEqual(Object.keys(createKeys()).sort());
  });

  test('reaches the settings: the new key first, the old one behind', async () => {
    const before = createKeys();
    let keys = before;
    for (const name of KEY_NAMES) keys = rotateKey(keys, name);
    const edge = settingValues(EDGE_SETTINGS, keys);
    expect(edge.EPOCH_KEYS).toBe(`${keys.epochKey},${before.epochKey}`);
    expect(edge.SEAL_KEY).toBe(`${keys.seal},${before.seal}`);
    expect(edge.HEAD_KEYS).toBe(`${keys.head.x},${before.head.x}`);
    expect(await verifyKeys(edge.EDITION_KEYS)).toHaveLength(2);
    expect(JSON.parse(edge.EDGE_SIGNING_KEY)).toEqual(keys.edge);
    const central = settingValues(CENTRAL_SETTINGS, keys);
    expect(central.EDGE_KEYS).toBe(`${keys.edge.x},${before.edge.x}`);
    expect(JSON.parse(central.CENTRAL_SIGNING_KEY)).toEqual(keys.central);
    const publisher = settingValues(PUBLISHER_SETTINGS, keys);
    expect(JSON.parse(publisher.OVERLAY_SIGNING_KEY)).toEqual(keys.overlay);
    expect(publisher.OVERLAY_KEYS).toBe(`${keys.overlay.x},${before.overlay.x}`);
  });
});

describe('sltd keys', () => {
  test('shows ids, as manifests and signatures name them, and nothing secret', async () => {
    const { code, stdout } = await sltd(['keys', 'show', '--keys', space.keysPath]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ +/)[0])).toEqual([...KEY_NAMES]);
    expect(stdout).toContain(toHex(await epochKeyId(fromHex(space.keys.epochKey))));
    expect(stdout).toContain(toHex((await verifyKeys(space.keys.head.x))[0]!.keyId));
    for (const secret of secretsOf()) expect(stdout).not.toContain(secret);
  });

  test('rotates and retires into new files of mode 600, and prints no key', async () => {
    const [rotated, retired] = [space.path('rotated.json'), space.path('retired.json')];
    const first = await sltd([
      'keys',
      'rotate',
      'head',
      '--keys',
      space.keysPath,
      '--out',
      rotated,
    ]);
    const second = await sltd(['keys', 'retire', 'head', '--keys', rotated, '--out', retired]);
    expect([first.code, second.code]).toEqual([0, 0]);
    for (const path of [rotated, retired]) expect(statSync(path).mode & 0o777).toBe(0o600);
    const [both, after] = [readKeys(rotated), readKeys(retired)];
    expect(both.previous).toEqual({ head: space.keys.head.x });
    expect(after.previous).toBeUndefined();
    expect(after.head).toEqual(both.head);
    const shown = [first, second].map(({ stdout, stderr }) => stdout + stderr).join();
    for (const secret of [...secretsOf(), both.head.d]) expect(shown).not.toContain(secret);
    // Nothing is written over: not even by the same command again.
    const before = readFileSync(rotated);
    const again = await sltd([
      'keys',
      'rotate',
      'head',
      '--keys',
      space.keysPath,
      '--out',
      rotated,
    ]);
    expect(again.code).toBe(2);
    expect(readFileSync(rotated)).toEqual(before);
  });

  test('gives a process only its own keys, and a command says what it lacks', async () => {
    const path = space.path('heartbeat.json');
    await sltd(['keys', 'share', 'heartbeat', '--keys', space.keysPath, '--out', path]);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ head: space.keys.head });
    expect(readKeys(path, ['head']).head).toEqual(space.keys.head);
    const token = ['token', '--role', 'officer', '--tenant', 'UTO', '--site', 'x', '--keys', path];
    const refused = await sltd(token);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('the keys file has no key: token');
  });

  test('writes one setting for a pipe', async () => {
    const values: Record<string, string> = settingValues(KEY_SETTINGS, space.keys);
    for (const name of ['EPOCH_KEYS', 'EDITION_KEYS', 'CENTRAL_SIGNING_KEY']) {
      const { stdout } = await sltd(['keys', 'setting', name, '--keys', space.keysPath]);
      expect(stdout).toBe(values[name]);
    }
  });

  test('says what is wrong with the command line', async () => {
    for (const [args, text] of [
      [['dance'], 'no such action'],
      [['rotate'], 'rotate takes one of edition'],
      [['rotate', 'tdawn'], 'rotate takes one of edition'],
      [['show', 'head'], 'show takes no name'],
      [['rotate', 'head', '--keys', space.keysPath], '--out FILE is missing'],
      [['setting', 'HOME', '--keys', space.keysPath], 'setting takes one of EPOCH_KEYS'],
    ] as const) {
      const { code, stderr } = await sltd(['keys', ...args]);
      expect([code, stderr.includes(text)], `${args}`).toEqual([2, true]);
    }
  });
});

describe('readKeys', () => {
  test('takes SLTD_KEYS from the environment where there is no file', async () => {
    const text = JSON.stringify(space.keys);
    try {
      process.env.SLTD_KEYS = text;
      expect(readKeys(undefined)).toEqual(space.keys);
      expect((await sltd(['keys', 'show'])).stdout).toContain('epoch');
      process.env.SLTD_KEYS = text.slice(0, -1);
      const broken = await sltd(['keys', 'show']);
      expect([broken.code, broken.stderr.includes(space.keys.seal)]).toEqual([2, false]);
    } finally {
      delete process.env.SLTD_KEYS;
    }
    expect((await sltd(['keys', 'show'])).stderr).toContain('no SLTD_KEYS');
  });

  test('refuses what is no keys file, and repeats nothing of it', () => {
    for (const [name, change] of Object.entries({
      short: { seal: space.keys.seal.slice(1) },
      foreign: { edition: { ...space.keys.edition, crv: 'Ed448' } },
      previous: { previous: { head: 'x' } },
    })) {
      const path = space.path(`${name}.json`);
      writeKeys(path, { ...space.keys, ...change } as never);
      const refused = () => readKeys(path);
      expect(refused).toThrow(expect.objectContaining({ code: 'config-invalid' }));
      expect(refused).toThrow(expect.not.objectContaining({ message: /[\w-]{43}/ }));
    }
  });
});

async function idsOf(keys: Parameters<typeof keyIdsOf>[0]) {
  const ids = await keyIdsOf(keys);
  return Object.fromEntries(ids.map((each) => [each.name, each]));
}

describe('at a terminal', () => {
  const values = { keys: space.keysPath };

  test.each([
    ['sltd tag-key', TAG_KEY, []],
    ...Object.entries(KEY_SETTINGS)
      .filter(([, { isSecret }]) => isSecret)
      .map(([name]) => [`sltd keys setting ${name}`, KEYS, ['setting', name]] as const),
  ] as const)('%s shows no secret, into a pipe it writes it', async (_, command, operands) => {
    const shown = await runAt('terminal', command, { values, operands });
    expect(shown).toEqual({ text: '', error: expect.any(UsageError) });
    const piped = await runAt('pipe', command, { values, operands });
    expect(piped.error).toBeUndefined();
    expect(piped.text.trim().length).toBeGreaterThan(16);
  });
});
