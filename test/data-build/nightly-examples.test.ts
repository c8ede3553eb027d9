/** The examples of the night say what the command line, the settings and this repository have. */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../data-build/nightly/config.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { ROOT, sltd, workspace } from './workspace.ts';

const space = workspace();
const SETTINGS = '/etc/sltd/sltd.toml';
const HOME = '/opt/sltd-edge';
const read = (name: string) => readFileSync(join(ROOT, 'examples/nightly', name), 'utf8');
const service = read('sltd-nightly.service');
const timer = read('sltd-nightly.timer');
const crontab = read('crontab');
const workflow = read('github-workflow.yml');
const config = readConfig(join(ROOT, 'examples/nightly/sltd.toml'));

/** The value of a line `name=` of a unit, also of one that is commented out. */
function settingOf(unit: string, name: string): string {
  const value = new RegExp(`^(?:# )?${name}=(.*)$`, 'm').exec(unit)?.[1];
  if (value === undefined) throw new Error(`no ${name}`);
  return value;
}

/** What stands behind `sltd` in each command of a text, up to where its output goes. */
const commandsIn = (text: string): string[][] =>
  [...text.matchAll(/(?:data-build\/cli\.ts|sltd --) ([^>|\n]*)/g)].map(([, args]) =>
    args!.trim().split(/\s+/),
  );

describe.each([
  ['systemd service', service],
  ['crontab', crontab],
  ['GitHub workflow', workflow],
])('the %s', (_, text) => {
  test('has one sltd command, with options that there are and the settings of the example', async () => {
    const commands = commandsIn(text);
    expect(commands).toEqual([['nightly', '--config', SETTINGS]]);
    // Strict: a command or option that is none is a usage error before any help.
    const { code, stderr } = await sltd([...commands[0]!, '--help']);
    expect(code, stderr).toBe(0);
  });

  test('names programs that are in this repository', () => {
    const named = text.match(/\b(?:node_modules\/\.bin|data-build|central)\/[\w./-]+/g) ?? [];
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const [, script] of text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)) {
      expect(scripts).toHaveProperty([script!]);
    }
  });
});

test('an option that is none would be found', async () => {
  expect((await sltd(['nightly', '--confg', SETTINGS, '--help'])).code).toBe(2);
  expect((await sltd(['nigthly', '--help'])).code).toBe(2);
});

test('all start at the same time of night', () => {
  const [, hour, minute] = /(\d\d):(\d\d):00$/.exec(settingOf(timer, 'OnCalendar'))!;
  const cron = `${Number(minute)} ${Number(hour)} * * *`;
  expect(crontab).toMatch(new RegExp(`^${cron.replaceAll('*', '\\*')} `, 'm'));
  expect(workflow).toContain(`cron: '${cron}'`);
});

describe('the systemd service', () => {
  test('runs where the program is, and may read and write what the settings name', () => {
    expect(settingOf(service, 'WorkingDirectory')).toBe(HOME);
    expect(settingOf(service, 'ExecStart')).toMatch(new RegExp(`^${HOME}/node_modules/.bin/node `));
    expect(crontab).toContain(`cd ${HOME} &&`);
    const writable = settingOf(service, 'ReadWritePaths').split(' ');
    expect(writable).toEqual([config.stateDir, config.store]);
    const readable = settingOf(service, 'ReadOnlyPaths').split(' ');
    for (const path of [config.keysPath, SETTINGS, ...config.feeds.map(({ from }) => from)]) {
      expect(
        readable.some((folder) => `${path}/`.startsWith(`${folder}/`)),
        path,
      ).toBe(true);
    }
  });

  test('writes the file of operations that the settings name, whole or not at all, and goes on', () => {
    const file = /^# operations = "(.+)"$/m.exec(read('sltd.toml'))![1]!;
    const before = settingOf(service, 'ExecStartPre');
    expect(before.startsWith('-/bin/sh -c ')).toBe(true);
    const part = file.replace('.ndjson', '.part');
    expect(before).toContain(`${part} && mv ${part} ${file}'`);
    const after = settingOf(service, 'ExecStopPost');
    for (const path of [file, part]) expect(after.split(' ')).toContain(path);
    expect(before).toMatch(/central\/main\.ts operations "\$\(date [^)]*\)" \S+ &&/);
  });

  test('leaves a missing file of operations to the job, which refuses the list', async () => {
    const feed = '[[feed]]\nname = "a"\nfrom = "in"\n';
    const world = nightlyJob(space, 'no-log', feed, 'operations = "operations.ndjson"\n');
    world.deliver('operations.ndjson', '');
    world.deliver('in/1.csv', csv(rows(50)));
    await world.run();
    rmSync(join(world.dir, 'operations.ndjson'));
    world.deliver('in/2.csv', csv(rows(51)));
    await expect(world.run()).rejects.toMatchObject({ code: 'input-unreadable' });
    expect((await world.edition()).manifest.recordCount).toBe(50);
  });
});
