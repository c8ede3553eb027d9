/**
 * The attacks on the metadata of a deployment: who does what, and what there would be to gain.
 *
 * In the families of The Update Framework (Samuel, Mathews, Cappos, Dingledine: "Survivable key
 * compromise in software update systems", CCS 2010, section 2), and one more for every key that can
 * be stolen alone.
 */

import { type HeadContent, sequenceMax } from '../../src/format/head.ts';
import { objectName, sha256 } from '../../src/format/names.ts';
import { encodeOverlay, openOverlay } from '../../src/format/overlay.ts';
import { decodePermit } from '../../src/format/permit.ts';
import { type SigningKey, signObject } from '../../src/format/signature.ts';
import {
  arbitraryObjects,
  changedBytes,
  swappedObjects,
  vanishedObjects,
} from './metadata-byte-attacks.ts';
import {
  type Attack,
  CLEAR,
  type Plan,
  withHead,
  withHeadAnd,
  withObject,
} from './metadata-mount.ts';
import {
  DAY_MS,
  HOUR_MS,
  headBy,
  MINUTE_MS,
  type MetadataWorld,
  mapSource,
  permitBy,
} from './metadata-world.ts';

const INNOCENT = 'an innocent document is a candidate';

const NO_OVERLAY = { overlaySha256: undefined, overlayLength: 0 };

/** Every attack on this world. */
export async function attacksOn(world: MetadataWorld): Promise<Attack[]> {
  const families: Record<string, (world: MetadataWorld) => Promise<Plan[]> | Plan[]> = {
    rollback,
    freeze,
    'fast-forward': fastForward,
    'changed bytes': changedBytes,
    'arbitrary object': arbitraryObjects,
    'vanished object': vanishedObjects,
    'swapped object': swappedObjects,
    'wrong key': wrongKeys,
    'mix and match': mixAndMatch,
    'stolen edition key': stolenEditionKey,
    'stolen overlay key': stolenOverlayKey,
  };
  const attacks: Attack[] = [];
  for (const [family, plan] of Object.entries(families)) {
    for (const each of await plan(world)) attacks.push({ family, ...each });
  }
  return attacks;
}

async function rollback(world: MetadataWorld): Promise<Plan[]> {
  const { keys, current } = world;
  const reportedUntil = current.head.asOf;
  const owing = await headBy(world, keys.head, { sequence: 6, ...NO_OVERLAY, reportedUntil });
  const past = world.past.slice(0, -1).flatMap(({ headBytes, head, objects }) => [
    {
      name: `the head of sequence ${head.sequence}, as it was`,
      ...{ gain: CLEAR, source: withHead(world, headBytes) },
    },
    {
      name: `the whole bucket of sequence ${head.sequence}`,
      ...{ gain: CLEAR, source: mapSource(objects, headBytes) },
    },
  ]);
  const name = 'a head that the deployment signed while the edition waited for its overlay';
  return [...past, { name, gain: CLEAR, source: withHead(world, owing) }];
}

async function freeze(world: MetadataWorld): Promise<Plan[]> {
  const { current, keys } = world;
  const until = decodePermit(current.head.permit).notAfter;
  const held = [6 * HOUR_MS + 1, DAY_MS, 8 * DAY_MS].map((laterMs) => ({
    name: `the head in force, still there after ${(laterMs / HOUR_MS).toFixed(1)} h`,
    ...{ gain: 'new reports stay unknown', laterMs, mustBeUnknown: true },
    source: withHead(world, current.headBytes),
  }));
  const signedLater = [0, 1, HOUR_MS, 30 * DAY_MS].map(async (beyondMs) => {
    const issuedAt = until + beyondMs;
    const bytes = await headBy(world, keys.head, { issuedAt, notAfter: until });
    return {
      name: `a stolen head key signs on, ${beyondMs} ms after the end of the permit`,
      gain: 'new reports stay unknown for ever',
      source: withHead(world, bytes),
      ...{ laterMs: issuedAt - world.now, mustBeUnknown: true },
    };
  });
  const outlasting = [1, DAY_MS, 365 * DAY_MS].map(async (beyondMs) => {
    const bytes = await resigned(current.headBytes, keys.head, (view) => {
      view.setBigUint64(24, BigInt(until + beyondMs - 1), true);
      view.setBigUint64(32, BigInt(until + beyondMs), true);
    });
    return {
      name: `a stolen head key outlasts the permit by ${beyondMs} ms`,
      gain: 'new reports stay unknown for ever',
      source: withHead(world, bytes),
      ...{ laterMs: until + beyondMs - 1 - world.now, mustBeUnknown: true },
    };
  });
  return [...held, ...(await Promise.all([...signedLater, ...outlasting]))];
}

/** The head or permit with other bytes before its signature, signed. */
function resigned(
  bytes: Uint8Array,
  signer: SigningKey,
  change: (view: DataView) => void,
): Promise<Uint8Array> {
  const body = bytes.slice(0, -80);
  change(new DataView(body.buffer));
  return signObject(body, signer);
}

function fastForward(world: MetadataWorld): Promise<Plan[]> {
  const { now, keys } = world;
  const highest = sequenceMax(now);
  const gain = 'no later head can be above it: the list stays frozen';
  // Without the overlay it is not the state in force, so that taking it is seen.
  const plans: [name: string, changes: Partial<HeadContent>][] = [
    ['the highest sequence there is', { sequence: Number.MAX_SAFE_INTEGER, ...NO_OVERLAY }],
    ['half of all sequences', { sequence: 2 ** 52, ...NO_OVERLAY }],
    ['one more than its time allows', { sequence: highest + 1, ...NO_OVERLAY }],
    ['ten years of sequences', { sequence: highest + 315_000_000, ...NO_OVERLAY }],
    ['a time a minute ahead', { issuedAt: now + MINUTE_MS + 1, ...NO_OVERLAY }],
    ['a time a day ahead', { issuedAt: now + DAY_MS, ...NO_OVERLAY }],
    [
      'a sequence that fits a time ahead',
      { sequence: highest + 3_600, issuedAt: now + HOUR_MS, ...NO_OVERLAY },
    ],
    ['data of the future', { asOf: now + MINUTE_MS + 1, ...NO_OVERLAY }],
    ['data of the next year', { asOf: now + 365 * DAY_MS, ...NO_OVERLAY }],
    ['data older than its manifest', { asOf: world.past[0]!.head.asOf }],
    ['data older than its overlay', { asOf: now - 2 * HOUR_MS }],
  ];
  return Promise.all(
    plans.map(async ([name, changes]) => {
      const bytes = await headBy(world, keys.head, { sequence: 6, ...changes });
      return { name: `a stolen head key: ${name}`, gain, source: withHead(world, bytes) };
    }),
  );
}

/** Every key of another role and of nobody, under its own id and under the id that is believed. */
function signersAgainst(world: MetadataWorld, role: 'edition' | 'overlay' | 'head') {
  const { keys, foreign, otherRoles } = world;
  const all: Record<string, SigningKey> = {
    ...{ edition: keys.edition, overlay: keys.overlay, head: keys.head, ...otherRoles },
    "a stranger's": foreign[role],
  };
  delete all[role];
  return Object.entries(all).flatMap(([name, signer]) => [
    { by: `${name} key`, signer },
    {
      by: `${name} key under the id of the ${role} key`,
      signer: { ...signer, keyId: keys[role].keyId },
    },
  ]);
}

async function wrongKeys(world: MetadataWorld): Promise<Plan[]> {
  const { past, others, keys } = world;
  const plans: Plan[] = [];
  const dropped = { sequence: 6, ...NO_OVERLAY };
  for (const { by, signer } of signersAgainst(world, 'head')) {
    const source = withHead(world, await headBy(world, signer, dropped));
    plans.push({ name: `a head without overlay by the ${by}`, gain: CLEAR, source });
  }
  const targets = { 'the first edition': past[0]!, 'an empty edition': others.emptyUnpermitted };
  for (const { by, signer } of signersAgainst(world, 'edition')) {
    for (const [what, { head }] of Object.entries(targets)) {
      const { manifestSha256, manifestLength } = head;
      const changes = { issuedAt: world.now, manifestSha256, manifestLength };
      const permit = await permitBy(world, signer, changes);
      const bytes = await headBy(world, keys.head, { ...dropped, permit });
      const source = withHead(world, bytes);
      plans.push({ name: `head key and a permit for ${what} by the ${by}`, gain: CLEAR, source });
    }
  }
  for (const { by, signer } of signersAgainst(world, 'overlay')) {
    const overlay = await emptyOverlay(world, signer);
    const source = await withOverlay(world, keys.head, overlay);
    plans.push({ name: `head key and an empty overlay by the ${by}`, gain: CLEAR, source });
  }
  return plans;
}

/** An overlay that says: nothing was reported up to now. */
function emptyOverlay(world: MetadataWorld, signer: SigningKey): Promise<Uint8Array> {
  const name = objectName('overlays', world.current.head.overlaySha256!);
  const { epochKeyId, collection, from, lastOperation } = openOverlay(world.objects.get(name)!);
  const facts = { epochKeyId, collection, from, asOf: world.now, lastOperation: lastOperation + 1 };
  return signObject(encodeOverlay({ ...facts, operations: [] }), signer);
}

async function withOverlay(world: MetadataWorld, headKey: SigningKey, overlay: Uint8Array) {
  const head = await headBy(world, headKey, {
    ...{ sequence: 6, asOf: world.now, overlayLength: overlay.length },
    overlaySha256: await sha256(overlay),
  });
  return withHeadAnd(world, head, overlay);
}

/** What the deployment itself once signed for this list: which of it is the newest, a floor alone tells. */
const GENUINE = {
  permits: ['first', 'second'],
  overlays: ['none', 'of the first', 'the one before', 'latest', 'of an unpublished edition'],
};

/** A stolen head key puts together what was signed apart. */
async function mixAndMatch(world: MetadataWorld): Promise<Plan[]> {
  const { past, current, others, forged, keys } = world;
  const { otherList, otherEpoch, emptyUnpermitted } = others;
  const permits = { first: past[0]!, second: current, otherList, otherEpoch, forged };
  const overlays = {
    none: undefined,
    'of the first': past[1]!,
    'the one before': past[3]!,
    latest: current,
    ...{ 'of another list': otherList, 'of another epoch': otherEpoch },
    ...{ 'of an unpublished edition': emptyUnpermitted, forged },
  };
  const plans: Plan[] = [];
  for (const [which, { head }] of Object.entries(permits)) {
    for (const [with_, from] of Object.entries(overlays)) {
      if (which === 'second' && with_ === 'latest') continue;
      for (const sequence of [current.head.sequence, current.head.sequence + 1, 1_000]) {
        const bytes = await headBy(world, keys.head, {
          ...{ permit: head.permit, sequence },
          notAfter: Math.min(current.head.notAfter, decodePermit(head.permit).notAfter),
          overlaySha256: from?.head.overlaySha256,
          overlayLength: from?.head.overlayLength ?? 0,
        });
        plans.push({
          name: `permit ${which}, overlay ${with_}, sequence ${sequence}`,
          gain: which === 'forged' || with_ === 'forged' ? INNOCENT : CLEAR,
          source: withHead(world, bytes),
          needsFloor: GENUINE.permits.includes(which) && GENUINE.overlays.includes(with_),
        });
      }
    }
  }
  return plans;
}

async function stolenEditionKey(world: MetadataWorld): Promise<Plan[]> {
  const { keys, current, others, past } = world;
  const { manifestSha256, manifestLength } = others.emptyUnpermitted.head;
  const issuedAt = world.now;
  const permit = await permitBy(world, keys.edition, { issuedAt, manifestSha256, manifestLength });
  const swapped = current.headBytes.slice();
  swapped.set(permit, 128);
  const older = past[0]!.headBytes.slice();
  older.set(permit, 128);
  const empty = world.objects.get(objectName('manifests', manifestSha256))!;
  const named = objectName('manifests', current.head.manifestSha256);
  const alone = await headBy(world, keys.edition, { permit, sequence: 6, ...NO_OVERLAY });
  return [
    {
      name: 'its permit for an empty edition in the head in force',
      gain: CLEAR,
      source: withHead(world, swapped),
    },
    {
      name: 'its permit for an empty edition in an older head',
      gain: CLEAR,
      source: withHead(world, older),
    },
    {
      name: 'an empty edition under the name of the one in force',
      gain: CLEAR,
      source: withObject(world, named, empty),
    },
    { name: 'a head of its own', gain: CLEAR, source: withHead(world, alone) },
    { name: 'a permit in the place of the head', gain: CLEAR, source: withHead(world, permit) },
    { name: 'a manifest in the place of the head', gain: CLEAR, source: withHead(world, empty) },
  ];
}

async function stolenOverlayKey(world: MetadataWorld): Promise<Plan[]> {
  const { keys, current } = world;
  const overlay = await emptyOverlay(world, keys.overlay);
  const named = objectName('overlays', current.head.overlaySha256!);
  const pointed = current.headBytes.slice();
  pointed.set(await sha256(overlay), 56);
  new DataView(pointed.buffer).setUint32(48, overlay.length, true);
  return [
    {
      name: 'an empty overlay under the name of the one in force',
      gain: CLEAR,
      source: withObject(world, named, overlay),
    },
    {
      name: 'an empty overlay, and its hash in the head in force',
      gain: CLEAR,
      source: await withHeadAnd(world, pointed, overlay),
    },
    {
      name: 'a head of its own for an empty overlay',
      gain: CLEAR,
      source: await withOverlay(world, keys.overlay, overlay),
    },
    { name: 'an overlay in the place of the head', gain: CLEAR, source: withHead(world, overlay) },
  ];
}
