import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import xxhash from 'xxhash-wasm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { epochKeyId } from '../../src/document/digest.ts';
import { decodeHead } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { checkContent, fromHex, HEAD_NAME, objectName, toHex } from '../../src/format/names.ts';
import { openOverlay } from '../../src/format/overlay.ts';
import { decodePage } from '../../src/format/page.ts';
import { verifyKeys, verifyObject } from '../../src/format/signature.ts';
import { ReferenceMatcher } from '../../src/matcher/reference-matcher.ts';
import { type EditionVector, makeVectors } from './make-vectors.ts';

const VECTORS = fileURLToPath(new URL('.', import.meta.url));
const EDITION = join(VECTORS, 'edition-v2');
const VECTOR: EditionVector = JSON.parse(readFileSync(join(VECTORS, 'edition-v2.json'), 'utf8'));
const EPOCH_KEY = fromHex(VECTOR.epochKey);

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(EDITION, name)));

async function openEdition() {
  const head = decodeHead(read(HEAD_NAME));
  const manifest = openManifest(read(objectName('manifests', head.manifestSha256)));
  const bytes = read(objectName('overlays', head.overlaySha256!));
  const { base } = openOverlay(bytes);
  const overlay = openOverlay(bytes, openOverlay(read(objectName('overlays', base!.sha256))));
  return { head, manifest, overlay };
}

describe('edition-v2', () => {
  test('is made again byte for byte: if it moves, the format version has to move', async () => {
    const made = await makeVectors();
    const files = readdirSync(EDITION, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(VECTORS.length));
    expect([...made.keys()].sort()).toEqual([...files, 'edition-v2.json'].sort());
    for (const [path, bytes] of made) {
      expect(toHex(bytes), path).toBe(toHex(readFileSync(join(VECTORS, path))));
    }
  });

  test('every object is named by its content and signed by the key of its role', async () => {
    const { head, manifest, overlay } = await openEdition();
    for (const [name, length] of Object.entries(VECTOR.objects)) {
      if (name === HEAD_NAME) continue;
      const sha256 = fromHex(name.slice(name.indexOf('/') + 1));
      await checkContent(read(name), { sha256, length });
    }
    const { publicKeys } = VECTOR;
    await verifyObject(read(HEAD_NAME), await verifyKeys(publicKeys.head));
    await verifyObject(head.permit, await verifyKeys(publicKeys.edition));
    const manifestName = objectName('manifests', head.manifestSha256);
    await verifyObject(read(manifestName), await verifyKeys(publicKeys.edition));
    const overlayName = objectName('overlays', head.overlaySha256!);
    await verifyObject(read(overlayName), await verifyKeys(publicKeys.overlay));
    const baseName = objectName('overlays', overlay.base!.sha256);
    await verifyObject(read(baseName), await verifyKeys(publicKeys.overlay));
    expect(manifest.collection).toBe(head.collection);
  });

  test('the page codec and XXH64 agree with every row of the manifest', async () => {
    const { manifest } = await openEdition();
    const { h64Raw } = await xxhash();
    let keyCount = 0;
    let emptyPageCount = 0;
    for (const { state, firstShard, shardCount } of manifest.states()) {
      for (let shardIndex = 0; shardIndex < shardCount; shardIndex++) {
        for (const kind of ['filter', 'match'] as const) {
          const reference = manifest.page(kind, firstShard + shardIndex);
          const bytes = read(objectName('pages', reference.sha256));
          const row = { kind, state, shardIndex, shardCount, epochKeyId: manifest.epochKeyId };
          const header = decodePage(bytes, row);
          expect(h64Raw(bytes)).toBe(reference.xxh64);
          if (kind === 'match') keyCount += header.keyCount;
          if (header.keyCount === 0) emptyPageCount++;
        }
      }
    }
    expect(keyCount).toBe(manifest.recordCount);
    expect(emptyPageCount).toBe(2); // a shard without keys is two pages, not none
  });

  test('the reference matcher answers every key as the vectors say', async () => {
    const { manifest, overlay } = await openEdition();
    expect(manifest.epochKeyId).toEqual(await epochKeyId(EPOCH_KEY));
    const matcher = new ReferenceMatcher();
    let passedFilterInVain = 0;
    for (const expected of VECTOR.answers) {
      const digests = matcher.digests([expected.key], EPOCH_KEY);
      const [d0, d1, d2, d3] = digests as unknown as [number, number, number, number];
      const operation = overlay.find(d0, d1, d2, d3);
      const entry = manifest.state(expected.key.slice(1, 4).replaceAll('<', ''));
      let answer: object = { verdict: 'unknown', category: null };
      if (operation && operation.kind !== 'withdrawn') {
        answer = { verdict: 'candidate', category: operation.category };
        if (operation.kind === 'added-withdrawn') answer = { ...answer, withdrawn: true };
      } else if (entry) {
        const shard = entry.firstShard + Number((BigInt(d3) * BigInt(entry.shardCount)) >> 32n);
        const filter = read(objectName('pages', manifest.page('filter', shard).sha256));
        const match = read(objectName('pages', manifest.page('match', shard).sha256));
        const maybe = matcher.mayContain(filter, digests)[0] === 1;
        const found = maybe ? matcher.match(match, digests)[0]! : 0;
        if (maybe && found === 0) passedFilterInVain++;
        answer = found
          ? { verdict: 'candidate', category: found - 1 }
          : { verdict: 'absent', category: null };
        if (found && operation) answer = { ...answer, withdrawn: true };
      }
      expect({ key: expected.key, ...answer }).toEqual(expected);
    }
    expect(passedFilterInVain).toBeGreaterThanOrEqual(10); // so that absence was told by slots as well
  });
});

const python = spawnSync('python3', ['--version']);
const pythonMissing = python.status === 0 ? undefined : 'no python3 on this machine';
if (pythonMissing) console.warn(`skipped: the reader in Python: ${pythonMissing}`);

describe.skipIf(pythonMissing)('the reader in Python, written from the document alone', () => {
  const KEYS = VECTOR.answers.map((answer) => answer.key);
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sltd-vectors-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const settings = (now: number = VECTOR.now): string[] => [
    ...['--epoch-key', VECTOR.epochKey, '--now', String(now)],
    ...['--head-key', VECTOR.publicKeys.head, '--edition-key', VECTOR.publicKeys.edition],
    ...['--overlay-key', VECTOR.publicKeys.overlay],
  ];

  function ask(edition: string, options: string[], keys: readonly string[] = KEYS) {
    const script = join(VECTORS, 'reader.py');
    const result = spawnSync('python3', ['-B', script, edition, ...options], {
      input: keys.map((key) => `${key}\n`).join(''),
      encoding: 'utf8',
    });
    const answers = result.stdout.split('\n').filter(Boolean);
    return { ...result, answers: answers.map((line) => JSON.parse(line)) };
  }

  /** A copy of the edition with one object damaged. */
  function damaged(name: string, change: (bytes: Buffer) => void): string {
    const copy = mkdtempSync(join(folder, 'edition-'));
    cpSync(EDITION, copy, { recursive: true });
    const bytes = readFileSync(join(copy, name));
    change(bytes);
    writeFileSync(join(copy, name), bytes);
    return copy;
  }

  /** A copy whose manifest or overlay is changed and named by its new hash in the head. */
  function resealed(kind: 'manifest' | 'overlay', change: (bytes: Buffer) => void): string {
    const folderName = `${kind}s` as const;
    const copy = damaged(named(folderName)[0]!, change);
    const object = readFileSync(join(copy, named(folderName)[0]!));
    const hash = createHash('sha256').update(object).digest();
    writeFileSync(join(copy, objectName(folderName, hash)), object);
    const head = readFileSync(join(copy, HEAD_NAME));
    if (kind === 'manifest') {
      head.fill(0, 48, 88).set(hash, 184); // in the permit; and no overlay
      object.copy(head, 40, 32, 40); // the time of its data
    } else head.set(hash, 56);
    writeFileSync(join(copy, HEAD_NAME), head);
    return copy;
  }

  const flip = (at: number) => (bytes: Buffer) => {
    bytes[at]! ^= 1;
  };
  const named = (folderName: string): string[] =>
    Object.keys(VECTOR.objects).filter((name) => name.startsWith(`${folderName}/`));

  test('answers every key as the vectors say, signatures checked', () => {
    const { status, stderr, answers } = ask(EDITION, settings());
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(answers).toEqual(VECTOR.answers);
  });

  test('says which signatures it does not check for want of a key', () => {
    const { stderr, answers } = ask(EDITION, settings().slice(0, 4));
    expect(stderr.match(/not checked/g)).toHaveLength(3);
    expect(answers).toEqual(VECTOR.answers);
  });

  test('knows nothing from an expired, rolled back, foreign or damaged edition', () => {
    const { notAfter, sequence, permittedAt, asOf } = decodeHead(read(HEAD_NAME));
    const otherKey = settings().with(1, '00'.repeat(16));
    const otherRole = settings().with(5, VECTOR.publicKeys.edition);
    const cases: [string, string[]][] = [
      [EDITION, settings(notAfter)],
      [EDITION, [...settings(), '--lowest-sequence', String(sequence + 1)]],
      [EDITION, [...settings(), '--lowest-permit', String(permittedAt + 1)]],
      [EDITION, settings(asOf - 60_001)],
      [EDITION, otherKey],
      [EDITION, otherRole],
      [join(folder, 'not-there'), settings()],
      [damaged(HEAD_NAME, flip(100)), settings()],
      [damaged(HEAD_NAME, flip(16)), settings()], // only the signature can tell
      [damaged(named('manifests')[0]!, flip(20)), settings()],
      [damaged(named('overlays')[0]!, flip(90)), settings()],
    ];
    for (const [edition, options] of cases) {
      const { status, stderr, answers } = ask(edition, options);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^no edition to answer from/);
      expect(answers).toHaveLength(KEYS.length);
      expect(new Set(answers.map((answer) => answer.verdict))).toEqual(new Set(['unknown']));
    }
  });

  test('knows nothing from an edition that waits for its overlay', () => {
    const { asOf } = decodeHead(read(HEAD_NAME));
    const withoutKeys = settings().slice(0, 4);
    const reported = (until: number) =>
      damaged(HEAD_NAME, (bytes) => bytes.writeBigUInt64LE(BigInt(until), 88));
    expect(ask(reported(asOf), withoutKeys).answers).toEqual(VECTOR.answers);
    const { stderr } = ask(reported(asOf + 1), withoutKeys);
    expect(stderr).toMatch(/^no edition to answer from: head: waits for an overlay/m);
  });

  test('a damaged page makes its answers unknown and leaves the others', () => {
    const biggest = named('pages').sort((a, b) => VECTOR.objects[b]! - VECTOR.objects[a]!)[0]!;
    const { answers } = ask(damaged(biggest, flip(100)), settings());
    const differing = answers.filter((answer, i) => answer.verdict !== VECTOR.answers[i]!.verdict);
    expect(differing.length).toBeGreaterThan(100);
    for (const answer of differing) {
      expect(answer.verdict).toBe('unknown');
      expect(answer.key.slice(1, 4)).toBe('UTO');
    }
  });

  test('objects of the right hash that break a rule of form are refused', () => {
    // Offsets are those of the document; no key is given, so that only structure is checked.
    const rules: [kind: 'manifest' | 'overlay', offset: number, bytes: number[]][] = [
      ['manifest', 8, [1]], // version
      ['manifest', 10, [1]], // reserved
      ['manifest', 12, [0]], // length
      ['manifest', 39, [1]], // a time of 2^53 or later
      ['manifest', 40, [3]], // states
      ['manifest', 44, [5]], // shards
      ['manifest', 48, [0]], // records
      ['manifest', 56, [0x5f]], // collection
      ['manifest', 127, [1]], // reserved
      ['manifest', 128, [0x56]], // VO< is no state, and D<< no longer the first
      ['manifest', 132, [3]], // coverage
      ['manifest', 133, [1]], // reserved
      ['manifest', 136, [1]], // first shard
      ['manifest', 140, [0]], // shards of a state
      ['manifest', 156, [1]], // reserved
      ['manifest', 192 + 40, [65]], // length of a filter page
      ['manifest', 192 + 44, [1]], // reserved
      ['overlay', 68, [1]], // reserved
      ['overlay', 64, [5]], // operations
      ['overlay', 79, [1]], // a time of 2^53 or later
      ['overlay', 80, Array(16).fill(0xff)], // order
      ['overlay', 96, [3]], // kind
      ['overlay', 97, [16]], // category
      ['overlay', 98, [1]], // reserved
    ];
    for (const [kind, offset, bytes] of rules) {
      const edition = resealed(kind, (object) => object.set(bytes, offset));
      const { status, answers } = ask(edition, settings().slice(0, 4), [KEYS[0]!]);
      expect(status, `${kind} ${offset}`).toBe(1);
      expect(answers[0].verdict).toBe('unknown');
    }
    const intact = ask(
      resealed('manifest', () => {}),
      settings().slice(0, 4),
    );
    expect(intact.status).toBe(0);
    expect(intact.answers[0]).toEqual(VECTOR.answers[0]);
  });

  test('what is not a canonical key is unknown, never absent', () => {
    const bad = ['', 'PUTO', 'XUTO1', 'PUT0L898902C3', 'P<<<1', 'PD<O1', `PUTO${'1'.repeat(33)}`];
    const { answers } = ask(EDITION, settings(), [...bad, 'putol898902c3', 'PUTOÜ']);
    expect(answers.map((answer) => answer.verdict)).toEqual(Array(bad.length + 2).fill('unknown'));
  });

  test('verifies as RFC 8032 does: its test vectors 1 and 2, and not a changed message', () => {
    // RFC 8032, section 7.1: public key, message, signature.
    const script = [
      'import sys; sys.path.insert(0, sys.argv[1]); import reader; h = bytes.fromhex',
      "p1 = h('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')",
      "s1 = h('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b')",
      "p2 = h('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')",
      "s2 = h('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00')",
      'v = reader.ed25519_verify',
      "print(v(p1, b'', s1), v(p2, h('72'), s2), v(p1, h('72'), s1), v(p2, b'', s2))",
    ];
    const arguments_ = ['-B', '-c', script.join('\n'), VECTORS];
    const output = execFileSync('python3', arguments_, { encoding: 'utf8' });
    expect(output.trim()).toBe('True True False False');
  });

  test('10,000 keys take seconds', () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `PUTOTIME${i}`);
    const { answers } = ask(EDITION, settings(), keys);
    expect(answers).toHaveLength(10_000);
    expect(answers.every((answer) => answer.verdict === 'absent')).toBe(true);
  }, 20_000);
});
