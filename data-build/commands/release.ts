/** `sltd release`: a person lets an edition out of quarantine, or sees what waits there. */

import { DirectoryStore } from '../../publish/directory-store.ts';
import { type Command, EXIT, KEYS_OPTION, UsageError } from '../command.ts';
import { listQuarantine, quarantineText } from '../gates/quarantine.ts';
import { releaseEdition } from '../gates/release.ts';
import { readKeys } from '../keys/keys.ts';
import { releaseFeed, waitingText } from '../nightly/feed-release.ts';

export const RELEASE: Command = {
  name: 'release',
  summary:
    'puts an edition in force that a gate refused, or lets the delivery of a feed into the next night; says what waits, and why',
  operands: 'DIR [EDITION]',
  operandCount: { min: 1, max: 2 },
  options: {
    keys: KEYS_OPTION,
    feed: { value: 'NAME', help: 'a feed of the nightly job, whose state directory is DIR' },
    gate: { value: 'NAME,...', help: 'every gate that refused it' },
    reason: { value: 'TEXT', help: 'why it is right all the same' },
    by: { value: 'NAME', help: 'who answers for it' },
  },
  run: async ({ operands, values, signal }) => {
    const [path, edition] = operands;
    const released = () => {
      for (const name of ['gate', 'reason', 'by'] as const) {
        if (!values[name]) throw new UsageError(`--${name} is missing`);
      }
      return { gates: values.gate!.split(','), reason: values.reason!, by: values.by! };
    };
    if (values.feed !== undefined) {
      const place = { stateDir: path!, name: values.feed };
      if (values.gate === undefined) process.stdout.write(`${waitingText(place)}\n`);
      else releaseFeed(place, released());
      return EXIT.ok;
    }
    const directory = new DirectoryStore(path!);
    if (edition === undefined) {
      const waiting = listQuarantine(directory);
      const text = waiting.map(quarantineText).join('\n\n');
      process.stdout.write(`${waiting.length === 0 ? 'nothing waits in quarantine' : text}\n`);
      return EXIT.ok;
    }
    const { sequence } = await releaseEdition({
      ...{ directory, edition, signal, ...released() },
      keys: readKeys(values.keys, ['edition', 'head']),
    });
    process.stdout.write(`${JSON.stringify({ edition, sequence })}\n`);
    return EXIT.ok;
  },
};
