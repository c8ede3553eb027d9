/**
 * Attacks on the metadata, through the code that reads it: none changes what a reader answers from.
 *
 * Every attack of the lists is met by each kind of reader: one that runs, one that begins and asks
 * the keeper of the floor, one that begins with a baked floor, with a silent keeper or without one, and one
 * that has nothing but a silent keeper. Then the deployment publishes again, and each reader has to follow: no
 * attack outlasts its repair.
 *
 * One bound is shown and not denied: whoever has the head key can sign today's time under any permit that
 * has not ended, and only a floor tells that readers have seen a later one. A reader that has just begun, without a
 * baked floor, while the keeper is silent, takes it. The keeper's first answer must end that.
 */

import {
  headBy,
  permitBy,
  makeMetadataWorld,
  gainOf,
  mapSource,
  Victim,
  DAY_MS,
  type MetadataWorld,
  type Reader,
} from './metadata-world.ts';
import { attacksOn } from './metadata-attack-list.ts';
import type { Attack } from './metadata-mount.ts';
import { endlessAttacksOn } from './metadata-endless.ts';
import type { Proof } from './proof.ts';

const READERS: readonly Reader[] = [
  'warm',
  'cold, kept floor',
  'cold, baked floor',
  'cold, baked floor, silent keeper',
  'cold, silent keeper',
];
const ATTACKS_MIN = 200;

export const metadataAttacks: Proof = {
  name: 'metadata-attacks',
  claim:
    'of at least 200 attacks on head, permit, manifest, overlay and pages, by whoever holds the ' +
    'bucket or one key, none is accepted by a warm or a cold reader that has a floor',
  sizes: { full: 1_000, small: 60, unit: 'attacks at most' },
  async run({ size, progress }) {
    const world = await makeMetadataWorld();
    const all = [...(await attacksOn(world)), ...endlessAttacksOn(world)];
    const names = new Set(all.map(({ family, name }) => `${family}: ${name}`));
    const step = Math.max(1, all.length / size);
    const chosen = all.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
    const honest = await soundness(world);
    const accepted: string[] = [];
    const stuck: string[] = [];
    let runs = 0;
    let untilAnswer = 0;
    for (const [index, attack] of chosen.entries()) {
      for (const reader of READERS) {
        const name = `${attack.family}: ${attack.name} (${reader})`;
        if (attack.needsFloor && reader === 'cold, silent keeper') {
          const { wasTaken, gain } = await meetInSilence(world, attack);
          if (wasTaken) untilAnswer++;
          if (gain !== undefined) accepted.push(`${name}, after the answer: ${gain}`);
          continue;
        }
        const { gain, followed } = await meet(world, attack, reader);
        if (gain !== undefined) accepted.push(`${name}: ${gain}, so ${attack.gain}`);
        if (!followed) stuck.push(name);
        runs++;
      }
      progress(`${index + 1} of ${chosen.length} attacks, ${accepted.length} accepted`);
    }
    for (const line of [...accepted, ...stuck.map((name) => `not repaired: ${name}`)].slice(
      0,
      20,
    )) {
      console.error(line);
    }
    const families = new Set(chosen.map(({ family }) => family)).size;
    return {
      holds:
        honest &&
        accepted.length === 0 &&
        stuck.length === 0 &&
        names.size === all.length &&
        names.size >= ATTACKS_MIN,
      figure:
        `${chosen.length} of ${names.size} attacks in ${families} families, ${runs} times on warm and cold ` +
        `readers: ${accepted.length} accepted, ${stuck.length} that outlast their repair; ` +
        `${untilAnswer} by the head key taken without any floor, until the keeper answered`,
      details: {
        ...{ attacks: names.size, tried: chosen.length, families, runs },
        ...{ accepted: accepted.length, stuck: stuck.length, untilAnswer },
      },
    };
  },
};

/** Without an attack every reader answers from the state in force: else nothing would be shown. */
async function soundness(world: MetadataWorld): Promise<boolean> {
  for (const reader of READERS) {
    const victim = await Victim.start(world, reader);
    if (!isRight(await victim.ask())) return false;
  }
  return true;
}

const isRight = (statuses: readonly string[]) =>
  statuses.slice(0, -1).every((status) => status === 'candidate') && statuses.at(-1) === 'clear';

/** A reader without any floor whose keeper is silent, and then is not; what is gained after that. */
async function meetInSilence(
  world: MetadataWorld,
  attack: Attack,
): Promise<{ wasTaken: boolean; gain: string | undefined }> {
  const victim = await Victim.start(world, 'cold, silent keeper');
  victim.source = attack.source;
  const before = gainOf(await victim.ask(), world.current, victim.editions, false);
  victim.endSilence();
  const gain = gainOf(await victim.ask(), world.current, victim.editions, false);
  return { wasTaken: before !== undefined, gain };
}

async function meet(
  world: MetadataWorld,
  attack: Attack,
  reader: Reader,
): Promise<{ gain: string | undefined; followed: boolean }> {
  const victim = await Victim.start(world, reader);
  victim.source = attack.source;
  victim.clock = world.now + (attack.laterMs ?? 0);
  const statuses = await victim.ask();
  const gain = gainOf(statuses, world.current, victim.editions, attack.mustBeUnknown ?? false);
  // The repair: permitted anew, above whatever sequence readers have been made to see.
  const sequence = Math.max(world.current.head.sequence, victim.editions.floor.sequence) + 1;
  const { keys } = world;
  const times = { issuedAt: victim.clock, notAfter: victim.clock + DAY_MS };
  const permit = await permitBy(world, keys.edition, times);
  try {
    const head = await headBy(world, keys.head, { ...times, sequence, permit });
    victim.source = mapSource(world.objects, head);
    return { gain, followed: isRight(await victim.ask()) };
  } catch {
    return { gain, followed: false }; // no sequence is left above the one seen
  }
}
