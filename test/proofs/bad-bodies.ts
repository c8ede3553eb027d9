/** Whatever is sent as a check, the answer is a problem with a stable code, and echoes nothing. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSystem } from '../../scripts/system.ts';
import { ERRORS } from '../../src/errors.ts';
import { type Proof, randomSource } from './proof.ts';

const SAMPLE = fileURLToPath(new URL('../../data-build/sample/sltd-sample.csv', import.meta.url));
/** Stands in every bad input; an answer that has it has echoed. */
const CANARY = 'ZQX7CANARY';

interface BadBody {
  name: string;
  body: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  /** Set where exactly one code is right. */
  code?: string;
}

const document = (fields: object) => JSON.stringify(fields);
const nested = (depth: number) => `${'['.repeat(depth)}"${CANARY}"${']'.repeat(depth)}`;

const FIXED: readonly BadBody[] = [
  { name: 'not JSON', body: `${CANARY}{`, code: 'body-not-json' },
  { name: 'empty', body: '', code: 'body-not-json' },
  {
    name: 'not UTF-8',
    body: new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    code: 'body-not-json',
  },
  { name: '10 MB', body: `"${CANARY.repeat(1_000_000)}"`, code: 'body-too-large' },
  { name: 'nested 10,000 deep', body: nested(10_000) },
  { name: 'a field nested 10,000 deep', body: `{"number":${nested(10_000)},"issuingState":"UTO"}` },
  {
    name: 'unknown field',
    body: document({ number: '1', issuingState: 'UTO', [CANARY]: 1 }),
    code: 'request-invalid',
  },
  {
    name: '400-character number',
    body: document({ number: CANARY.repeat(40), issuingState: 'UTO' }),
    code: 'number-too-long',
  },
  {
    name: 'emoji in the number',
    body: document({ number: `${CANARY}😀`, issuingState: 'UTO' }),
    code: 'number-bad-character',
  },
  {
    name: 'NUL in the number',
    body: document({ number: `${CANARY}\0`, issuingState: 'UTO' }),
    code: 'number-bad-character',
  },
  {
    name: 'lone surrogate',
    body: `{"number":"${CANARY}\\ud800","issuingState":"UTO"}`,
    code: 'number-bad-character',
  },
  {
    name: 'number of fillers',
    body: document({ number: '<<<', issuingState: 'UTO' }),
    code: 'number-missing',
  },
  {
    name: 'state nobody has',
    body: document({ number: CANARY, issuingState: 'QQQ' }),
    code: 'state-unknown',
  },
  {
    name: 'class nobody has',
    body: document({ number: CANARY, issuingState: 'UTO', documentClass: CANARY }),
    code: 'class-unknown',
  },
  { name: 'MRZ of no format', body: document({ mrz: CANARY }), code: 'mrz-unreadable' },
  { name: 'MRZ of 100,000 characters', body: document({ mrz: CANARY.repeat(10_000) }) },
  {
    name: 'both MRZ and number',
    body: document({ mrz: CANARY, number: CANARY, issuingState: 'UTO' }),
    code: 'request-invalid',
  },
  {
    name: 'number as a number',
    body: document({ number: 1, issuingState: 'UTO' }),
    code: 'request-invalid',
  },
  { name: 'null', body: 'null', code: 'request-invalid' },
  { name: 'array', body: `["${CANARY}"]`, code: 'request-invalid' },
  { name: '__proto__', body: `{"__proto__":{"number":"${CANARY}"},"issuingState":"UTO"}` },
  { name: 'no documents', body: document({ documents: [] }), code: 'batch-empty' },
  {
    name: '1,001 documents',
    body: document({
      documents: Array.from({ length: 1001 }, () => ({ number: CANARY, issuingState: 'UTO' })),
    }),
    code: 'batch-too-large',
  },
  {
    name: 'form encoding',
    body: `number=${CANARY}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    code: 'content-type',
  },
];

/** A body that is a check with some of its values replaced by what does not belong there. */
function mutated(random: ReturnType<typeof randomSource>): BadBody {
  const values: unknown[] = [
    ...[null, true, -1, 1e308, '', '\0', '\u202e', '😀', {}, [], [[]], CANARY.repeat(50)],
    ...['<'.repeat(44), '\ud800', { toString: CANARY }, ' ', '\u0000'.repeat(64)],
  ];
  const value = () => values[random.below(values.length)];
  const fields: Record<string, unknown> = { number: '😀', issuingState: 'UTO' };
  const names = ['number', 'issuingState', 'documentClass', 'mrz', 'id', 'purpose', 'direction'];
  for (let i = 0; i <= random.below(3); i++)
    fields[names[random.below(names.length)] as string] = value();
  // Whatever was replaced, the number stays one that no document has.
  if (typeof fields.number === 'string') fields.number = `${fields.number}😀`;
  const text = JSON.stringify(fields);
  const cut = random.below(4) === 0 ? text.slice(0, random.below(text.length)) : text;
  return { name: 'mutated', body: cut };
}

export const badBodies: Proof = {
  name: 'bad-bodies',
  claim: 'a bad body gets a problem document with a stable code: no 500, and nothing is echoed',
  sizes: { full: 5_000, small: 300, unit: 'bodies' },
  async run({ seed, size, workDir, progress }) {
    const random = randomSource(seed);
    const system = await startSystem({
      stateDir: join(workDir, 'state'),
      exportFiles: [SAMPLE],
      onStep: progress,
    });
    try {
      const token = await system.token('officer');
      const faults: string[] = [];
      const codes = new Set<string>();
      const count = Math.max(size, FIXED.length);
      for (let index = 0; index < count; index++) {
        const bad = FIXED[index] ?? mutated(random);
        const response = await fetch(`${system.edgeUrl}/v1/checks`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            ...bad.headers,
          },
          body: bad.body,
        });
        const text = await response.text();
        const fault = faultOf(bad, response, text, codes);
        if (fault) faults.push(`${bad.name}: ${fault}`);
        progress(`${index + 1} of ${count} bodies, ${faults.length} faults`);
      }
      return {
        holds: faults.length === 0,
        figure: `${count} bodies, ${codes.size} codes, ${faults.length} faults${faults[0] ? `, first: ${faults[0]}` : ''}`,
        details: { bodies: count, faults: faults.length, codes: [...codes].sort().join(' ') },
      };
    } finally {
      await system.stop();
    }
  },
};

function faultOf(
  bad: BadBody,
  response: Response,
  text: string,
  codes: Set<string>,
): string | undefined {
  if (response.status === 500) return 'answered 500';
  if (text.includes(CANARY)) return 'echoed';
  if (response.status < 400) return `answered ${response.status}`;
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    return `content type ${response.headers.get('content-type')}`;
  }
  const problem = JSON.parse(text) as { code?: string; status?: string };
  if (!problem.code || !(problem.code in ERRORS)) return 'no stable code';
  if (problem.status !== 'invalid' && problem.status !== 'unknown') return 'no answer status';
  if (bad.code && problem.code !== bad.code) return `code ${problem.code}, expected ${bad.code}`;
  codes.add(problem.code);
  return undefined;
}
