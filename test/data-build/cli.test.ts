import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, importJWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { readKeys } from '../../data-build/keys/keys.ts';
import { decodeHead, encodeHead } from '../../src/format/head.ts';
import { HEAD_NAME } from '../../src/format/names.ts';
import { signingKey, signObject } from '../../src/format/signature.ts';
import { renderMrz } from '../support/render-mrz.ts';
import { build, ROOT, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const COMMANDS =
  'keys tag-key token generate build nightly release publish rollback gc heartbeat floor origin serve verify inspect diff check';

describe('every command', () => {
  test('is in the list that sltd prints', async () => {
    const { stdout } = await sltd(['--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1]);
    expect(names).toEqual(COMMANDS.split(' '));
  });

  test.each(COMMANDS.split(' '))('%s explains itself', async (command) => {
    const { code, stdout, stderr } = await sltd([command, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`sltd ${command}`);
  });

  test.each([
    ['no command', [], 2, ''],
    ['an unknown command', ['nonsense'], 2, 'usage'],
    ['an unknown option', ['keys', '--nonsense'], 2, 'usage'],
    ['a missing option', ['keys'], 2, '--out'],
    ['a missing operand', ['verify', '--keys', 'k', 'dir'], 2, 'FILE'],
    ['a number that is none', ['generate', '--rows', 'many', '--out', 'x'], 2, '--rows'],
    ['a name that says packed', ['generate', '--rows', '9', '--out', 'x.csv.gz'], 2, '--out'],
    [
      'a profile and a mapping',
      ['build', '--keys', 'k', '--out', 'd', '--profile', 'sltd', '--mapping', 'm', 'f'],
      2,
      'usage',
    ],
    [
      'a time that is none',
      ['build', '--keys', 'k', '--out', 'd', '--profile', 'sltd', '--as-of', 'soon', 'f'],
      2,
      '--as-of',
    ],
    [
      'a time to come',
      ['build', '--keys', 'k', '--out', 'd', '--profile', 'sltd', '--as-of', '2999-01-01', 'f'],
      2,
      '--as-of',
    ],
    [
      'keys that are not there',
      ['heartbeat', 'dir', '--keys', '/nonexistent'],
      2,
      'config-invalid',
    ],
    ['an edition that is not there', ['inspect', '/nonexistent'], 1, 'edition-missing'],
  ])('%s is an error with its code', async (_, args, code, text) => {
    const result = await sltd(args);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(text);
  });

  test('data that is not acceptable ends with 3, and the message has no content', async () => {
    const file = space.write('no-columns.csv', 'SECRET,COLUMN\n1,2\n');
    const args = ['build', '--profile', 'sltd', '--keys', space.keysPath, '--out', space.path('x')];
    const result = await sltd([...args, '--temp', space.dir, file]);
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('sltd: input-schema: ');
    expect(result.stderr).not.toContain('SECRET');
  });
});

describe('sltd keys', () => {
  test('writes a file for its owner alone, and never over one', async () => {
    const path = space.path('new-keys.json');
    expect((await sltd(['keys', '--out', path])).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path);
    expect((await sltd(['keys', '--out', path])).code).toBe(2);
    expect(readFileSync(path)).toEqual(before);
  });

  test.skipIf(process.platform === 'win32')('a file that others can read is refused', async () => {
    const path = space.write('open-keys.json', JSON.stringify(space.keys));
    expect(() => readKeys(path)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});

describe('sltd token', () => {
  test('is signed with the token key and says who asks', async () => {
    const args = ['token', '--keys', space.keysPath, '--role', 'officer', '--tenant', 'UTO'];
    const { stdout } = await sltd([...args, '--site', 'desk-1', '--minutes', '5']);
    const { d: _, ...publicKey } = space.keys.token;
    const { payload } = await jwtVerify(stdout.trim(), await importJWK({ ...publicKey }, 'EdDSA'), {
      ...{ issuer: 'sltd-edge', audience: 'sltd-edge' },
    });
    expect(payload).toMatchObject({
      tenant: 'UTO',
      site: 'desk-1',
      role: 'officer',
      sub: 'desk-1',
    });
    expect(payload.exp! - payload.iat!).toBe(300);
    expect((await sltd([...args.with(4, 'king'), '--site', 'x'])).code).toBe(2);
    expect(() => decodeJwt(stdout.trim())).not.toThrow();
  });
});

describe('sltd check', () => {
  const dir = space.path('checked');
  const args = ['check', dir, '--keys', space.keysPath];

  test('the specimen of the sample is a candidate, asked by MRZ, fields or stdin', async () => {
    const sample = join(ROOT, 'data-build/sample/sltd-sample.csv');
    await build(space, { files: [sample], outDir: dir });
    const mrz = renderMrz({
      ...{ format: 'TD3', documentCode: 'P', issuingState: 'UTO', documentNumber: 'L898902C3' },
      ...{ nationality: 'UTO', birthDate: '740812', sex: 'F', expiryDate: '120415' },
      name: 'ERIKSSON<<ANNA<MARIA',
    }).join('\n');
    for (const [more, input] of [
      [['--mrz', mrz], ''],
      [['--mrz', '-'], mrz],
      [['--number', 'l898902c3', '--state', 'UTO'], ''],
      [['--number', '-', '--state', 'UTO', '--class', 'passport'], 'L898902C3\n'],
    ] as const) {
      const { code, stdout } = await sltd([...args, '--json', ...more], input);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        ...{ verdict: 'candidate', category: 'stolen', spelling: 'exact', sequence: 1 },
      });
    }
  });

  test('absence is "not reported as of", and a visa question does not find the passport', async () => {
    const absent = await sltd([...args, '--number', 'QZ12345', '--state', 'UTO']);
    expect(absent.stdout).toMatch(/verdict +absent[\s\S]*Not reported as of 2025-01-31/);
    const visa = [...args, '--number', 'L898902C3', '--state', 'UTO', '--class', 'visa', '--json'];
    expect(JSON.parse((await sltd(visa)).stdout).verdict).toBe('absent');
  });

  test('a look-alike spelling is a candidate and says so', async () => {
    const { stdout } = await sltd([...args, '--number', 'L8989O2C3', '--state', 'UTO', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'candidate', spelling: 'look-alike' });
  });

  test.each([
    [['--number', 'A☃', '--state', 'UTO'], 'number-bad-character'],
    [['--number', 'A1', '--state', 'Atlantis'], 'state-unknown'],
    [['--number', 'A1', '--state', 'UTO', '--class', 'boat'], 'class-unknown'],
    [['--mrz', 'nonsense'], 'mrz-unreadable'],
  ])('%s is refused with its code', async (more, code) => {
    const result = await sltd([...args, ...more]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`sltd: ${code}: `);
  });

  test('an edition that waits for its overlay gives no answer', async () => {
    const dir = space.path('owing');
    const file = space.write('two.csv', sltdCsv('UTO,PAS,A1,,,lost'));
    await build(space, { files: [file], outDir: dir });
    const head = decodeHead(readFileSync(join(dir, HEAD_NAME)));
    const owing = encodeHead({ ...head, reportedUntil: head.asOf + 1 });
    const signer = await signingKey({ ...space.keys.head });
    writeFileSync(join(dir, HEAD_NAME), await signObject(owing, signer));
    const question = ['--keys', space.keysPath, '--number', 'B2', '--state', 'UTO'];
    const result = await sltd(['check', dir, ...question]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('reports-missing');
  });

  test('an edition whose page is damaged gives no answer', async () => {
    const damaged = space.path('damaged');
    const file = space.write('one.csv', sltdCsv('UTO,PAS,A1,,,lost'));
    await build(space, { files: [file], outDir: damaged });
    const { openEdition } = await import('../../data-build/edition/open-edition.ts');
    const { DirectoryStore } = await import('../../publish/directory-store.ts');
    const { objectName } = await import('../../src/format/names.ts');
    const { rmSync } = await import('node:fs');
    const { manifest } = await openEdition(new DirectoryStore(damaged), space.keys);
    const row = manifest.state('UTO')!.firstShard;
    rmSync(join(damaged, objectName('pages', manifest.page('match', row).sha256)));
    const question = ['--keys', space.keysPath, '--number', 'A1', '--state', 'UTO'];
    const result = await sltd(['check', damaged, ...question]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('page-unavailable');
  });
});

describe('sltd generate', () => {
  test('the same seed gives the same file, in each format; another seed another', async () => {
    const text = async (seed: string, format: string) => {
      const out = space.path(`gen-${seed}-${format}`);
      const args = ['generate', '--rows', '3000', '--seed', seed, '--format', format];
      expect((await sltd([...args, '--malformed', '30', '--out', out])).code).toBe(0);
      return readFileSync(out, 'utf8');
    };
    for (const format of ['csv', 'ndjson', 'json']) {
      const once = await text('1', format);
      expect(await text('1', format)).toBe(once);
      expect(await text('2', format)).not.toBe(once);
      expect(once).toContain('L898902C3');
    }
  });

  test('the sample is what the generator writes', async () => {
    const out = space.path('sample.csv');
    await sltd(['generate', '--rows', '2000', '--seed', '7', '--out', out]);
    const sample = readFileSync(join(ROOT, 'data-build/sample/sltd-sample.csv'), 'utf8');
    expect(readFileSync(out, 'utf8') === sample).toBe(true);
  });

  test('malformed rows are rejected, every one, and questions have their answers', async () => {
    const [out, asked] = [space.path('bad.csv'), space.path('asked.ndjson')];
    const args = [
      'generate',
      '--rows',
      '2000',
      '--malformed',
      '40',
      '--out',
      out,
      '--asked',
      asked,
    ];
    await sltd(args);
    const dir = space.path('asked');
    const summary = await build(space, { files: [out], outDir: dir, rejectsMaxPercent: 10 });
    expect(summary).toMatchObject({ rows: 2000, rejected: 40 });
    const questions = readFileSync(asked, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(questions.length).toBeGreaterThan(3_000);
    for (const { number, issuingState, listed } of [
      ...questions.slice(0, 4),
      ...questions.slice(-4),
    ]) {
      const question = ['--number', number, '--state', issuingState, '--json'];
      const { stdout } = await sltd(['check', dir, '--keys', space.keysPath, ...question]);
      expect(JSON.parse(stdout).verdict).toBe(listed ? 'candidate' : 'absent');
    }
  });
});
