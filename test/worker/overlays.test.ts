/** Overlays as the edge uses them: which are refused, how layers lie, and that nothing is forgotten. */

import { describe, expect, it } from 'vitest';
import { decodeHead, encodeHead, type Head } from '../../src/format/head.ts';
import { HEAD_NAME, objectName, toHex } from '../../src/format/names.ts';
import { signObject } from '../../src/format/signature.ts';
import { buildEdition, type EditionSpec, makeTestKeys, type TestKeys } from '../support/edition.ts';
import { Edge, type Json, matcherModule, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS } from './edge.ts';

const AS_OF = Date.now() - 3_600_000;
const NEW = { documentClass: 'passport', state: 'UTO', number: 'NEW12345' } as const;
const NEW_FIELDS = { documentClass: 'passport', issuingState: 'UTO', number: NEW.number };
const ADDED = { ...NEW, kind: 'added', category: 'lost' } as const;

const build = (keys: TestKeys, spec: Partial<EditionSpec>) =>
  buildEdition({ records: [SPECIMEN], asOf: AS_OF, ...spec }, keys, matcherModule);

/** An edge over these objects, with the head changed and signed anew. */
async function edgeOver(
  keys: TestKeys,
  objects: Map<string, Uint8Array>,
  change: Partial<Head> = {},
): Promise<Edge> {
  const head = encodeHead({ ...decodeHead(objects.get(HEAD_NAME)!), ...change });
  const all = new Map([...objects, [HEAD_NAME, await signObject(head, keys.head)]]);
  const source = () => ({ get: async (name: string) => all.get(name) });
  return Edge.start({ keys, source, withoutCentral: true });
}

const statusOf = async (edge: Edge, fields: object) => (await edge.ask(fields)).answer.status;

describe('an overlay', () => {
  it.each<[string, Partial<EditionSpec>]>([
    ['that begins after the edition ends', { overlayFrom: AS_OF + 1, asOf: AS_OF + 1 }],
    ['of another collection', { collection: 'tdawn' }],
  ])('%s is not used, nor is the edition without it', async (_, spec) => {
    const keys = await makeTestKeys();
    const one = await build(keys, { overlay: [ADDED] });
    const other = await build(keys, { overlay: [ADDED], ...spec });
    const { overlaySha256, overlayLength } = decodeHead(other.get(HEAD_NAME)!);
    const change = { overlaySha256, overlayLength, asOf: AS_OF + 2 };
    const edge = await edgeOver(keys, new Map([...other, ...one]), change);
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('unknown');
    expect(edge.services.main.editions.lastFailure).toBe('format-value');
  });

  it('of another epoch key is not used', async () => {
    const keys = await makeTestKeys();
    const epochKey = new Uint8Array(16).fill(9);
    const one = await build(keys, { overlay: [ADDED] });
    const other = await build({ ...keys, epochKey }, { overlay: [ADDED] });
    const { overlaySha256, overlayLength } = decodeHead(other.get(HEAD_NAME)!);
    const objects = new Map([...other, ...one]);
    const edge = await edgeOver(keys, objects, { overlaySha256, overlayLength });
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('unknown');
  });

  it('serves the next edition as well, so that no report is lost when it comes into force', async () => {
    const keys = await makeTestKeys();
    const one = await build(keys, { overlay: [ADDED] });
    const next = await build(keys, { records: [], asOf: AS_OF + 1_000, sequence: 2 });
    const { overlaySha256, overlayLength } = decodeHead(one.get(HEAD_NAME)!);
    const edge = await edgeOver(keys, new Map([...one, ...next]), { overlaySha256, overlayLength });
    expect(await statusOf(edge, SPECIMEN_FIELDS)).toBe('clear');
    expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
  });
});

describe('a segment', () => {
  const spec = {
    overlay: [ADDED, { ...SPECIMEN, category: undefined, kind: 'withdrawn' as const }],
    segment: [{ ...NEW, kind: 'added-withdrawn' as const, category: 'lost' as const }],
  };

  it('lies on its base: both are answered from, its own row first', async () => {
    const edge = await Edge.start({ spec, withoutCentral: true });
    const matchOf = async (fields: object) => (await edge.ask(fields)).answer.match;
    expect(await matchOf(NEW_FIELDS)).toMatchObject({ category: 'lost', withdrawalPending: true });
    expect(await matchOf(SPECIMEN_FIELDS)).toMatchObject({ withdrawalPending: true });
    const { editions } = (await (await edge.get('/v1/editions')).json()) as Json;
    const { overlay } = editions[0];
    expect(overlay).toMatchObject({ lastOperation: 3, operationCount: 3 });
  });

  it('costs a reader that has the base only itself', async () => {
    const read: string[] = [];
    const source = (inner: {
      get(name: string, max: number): Promise<Uint8Array | undefined>;
    }) => ({
      get: (name: string, max: number) => {
        read.push(name.split('/')[0]!);
        return inner.get(name, max);
      },
    });
    const asOf = AS_OF;
    const edge = await Edge.start({
      spec: { ...spec, asOf, lastOperation: 3 },
      source,
      withoutCentral: true,
    });
    await edge.ask(NEW_FIELDS);
    expect(read.filter((folder) => folder === 'overlays')).toHaveLength(2);
    read.length = 0;
    // The base is of the same bytes, the segment has one row more.
    const segment = [...spec.segment, { ...NEW, number: 'NEW2', kind: 'added' as const }];
    await edge.publish({ ...spec, asOf, segment, lastOperation: 3, sequence: 2 });
    edge.passSeconds(20);
    expect(await statusOf(edge, { ...NEW_FIELDS, number: 'NEW2' })).toBe('candidate');
    expect(read.filter((folder) => folder === 'overlays')).toHaveLength(1);
  });

  it('without its base, or on one that does not fit, is not used', async () => {
    const keys = await makeTestKeys();
    const objects = await build(keys, spec);
    const upper = toHex(decodeHead(objects.get(HEAD_NAME)!).overlaySha256!);
    const base = [...objects.keys()].find((n) => n.startsWith('overlays/') && !n.includes(upper))!;
    objects.delete(base);
    const without = await edgeOver(keys, objects);
    expect(await statusOf(without, OTHER_FIELDS)).toBe('unknown');
    objects.set(
      base,
      objects.get(objectName('overlays', decodeHead(objects.get(HEAD_NAME)!).overlaySha256!))!,
    );
    const swapped = await edgeOver(keys, objects);
    expect(await statusOf(swapped, OTHER_FIELDS)).toBe('unknown');
  });
});

describe('what was reported is not forgotten', () => {
  const first = { overlay: [ADDED], asOf: AS_OF, overlayAsOf: AS_OF + 500, lastOperation: 5 };

  it.each<[string, Partial<EditionSpec>, string]>([
    ['no overlay', { overlay: undefined }, 'candidate'],
    ['an overlay of fewer operations', { overlay: [], lastOperation: 4 }, 'candidate'],
    ['an overlay of as many operations', { overlay: [], lastOperation: 5 }, 'clear'],
    ['no overlay, and an edition as late', { overlay: undefined, asOf: AS_OF + 1_000 }, 'clear'],
  ])('a head of %s after an overlay', async (_, change, expected) => {
    const edge = await Edge.start({ spec: first, withoutCentral: true });
    expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
    // A new edition is permitted later than the one before.
    const permittedAt = edge.clock.nowMs + (change.asOf === undefined ? 0 : 1_000);
    await edge.publish({ ...first, ...change, permittedAt, sequence: 2 });
    edge.passSeconds(20);
    expect(await statusOf(edge, NEW_FIELDS)).toBe(expected);
    const { lastFailure } = edge.services.main.editions;
    expect(lastFailure).toBe(expected === 'clear' ? undefined : 'edition-rollback');
  });
});

describe('the time of the data', () => {
  it.each([
    ['newer', 1],
    ['older', -1],
  ])('is not taken from a head that makes it %s', async (_, byMs) => {
    const keys = await makeTestKeys();
    const objects = await build(keys, { overlay: [ADDED], overlayAsOf: AS_OF + 500 });
    const edge = await edgeOver(keys, objects, { asOf: AS_OF + 500 + byMs });
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('unknown');
    const honest = await edgeOver(keys, objects);
    expect(await statusOf(honest, OTHER_FIELDS)).toBe('clear');
  });
});

describe('an edition that came in force without its overlay', () => {
  const before = { overlay: [ADDED], asOf: AS_OF, overlayAsOf: AS_OF + 500, lastOperation: 5 };
  const dropped = { asOf: AS_OF, reportedUntil: AS_OF + 500, overlay: undefined, sequence: 2 };
  const made = { ...before, reportedUntil: AS_OF + 500, sequence: 3 };

  it('is not answered from by an edge that starts, until there is one', async () => {
    const edge = await Edge.start({ spec: dropped, withoutCentral: true });
    for (const fields of [NEW_FIELDS, OTHER_FIELDS]) {
      expect((await edge.ask(fields)).answer).toMatchObject({
        ...{ status: 'unknown', code: 'reports-missing' },
      });
    }
    await edge.publish(made);
    edge.passSeconds(20);
    expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('clear');
  });

  it('is waited for by an edge that runs, in the edition that it has', async () => {
    const edge = await Edge.start({ spec: before, withoutCentral: true });
    expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
    for (const spec of [dropped, made]) {
      await edge.publish({ ...spec, permittedAt: edge.clock.nowMs });
      edge.passSeconds(20);
      expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
      expect(await statusOf(edge, OTHER_FIELDS)).toBe('clear');
    }
    expect(edge.services.main.editions.edition?.head.sequence).toBe(3);
  });

  it('is not answered from if only the list of one state is from before the reports', async () => {
    const partial = { ...dropped, asOf: AS_OF + 500, stateAsOf: { UTO: AS_OF + 499 } };
    const edge = await Edge.start({ spec: partial, withoutCentral: true });
    expect((await edge.ask(OTHER_FIELDS)).answer.code).toBe('reports-missing');
  });

  it('is answered from if it has all that was reported', async () => {
    const edge = await Edge.start({
      spec: { ...dropped, asOf: AS_OF + 500 },
      withoutCentral: true,
    });
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('clear');
  });
});

describe('a report', () => {
  it('is known to the first request after a quiet time, not to the second', async () => {
    const edge = await Edge.start({ spec: { asOf: AS_OF }, withoutCentral: true });
    expect(await statusOf(edge, NEW_FIELDS)).toBe('clear');
    await edge.publish({ asOf: AS_OF, overlay: [ADDED], sequence: 2 });
    edge.passSeconds(20);
    expect(await statusOf(edge, NEW_FIELDS)).toBe('candidate');
  });

  it('a store that does not answer then costs no answer', async () => {
    let isDown = false;
    const edge = await Edge.start({
      spec: { asOf: AS_OF },
      source: (inner) => ({
        get: (name, max) =>
          isDown ? Promise.reject(new Error('line is cut')) : inner.get(name, max),
      }),
    });
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('clear');
    isDown = true;
    edge.passSeconds(60);
    expect(await statusOf(edge, OTHER_FIELDS)).toBe('clear');
  });
});
