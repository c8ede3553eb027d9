/** `sltd keys`: makes, shows, changes and hands out the keys of a deployment. */

import {
  type Command,
  type CommandInput,
  EXIT,
  KEYS_OPTION,
  printSecret,
  UsageError,
} from '../command.ts';
import { KEY_NAMES, keyIdsOf, retireKey, rotateKey } from '../keys/key-rotation.ts';
import {
  KEY_SETTINGS,
  keysOfProcess,
  PROCESS_KEYS,
  type ProcessName,
} from '../keys/key-settings.ts';
import { createKeys, type KeysFile, readKeys, writeKeys } from '../keys/keys.ts';

interface Action {
  /** What the second argument names; absent if there is none. */
  names?: readonly string[];
  run(input: CommandInput, name: string): Promise<void> | void;
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function write({ values }: CommandInput, keys: Partial<KeysFile>, text: string): void {
  if (values.out === undefined) throw new UsageError('--out FILE is missing');
  writeKeys(values.out, keys);
  say(`${text}; keep the file from everybody else`);
}

const given = ({ values }: CommandInput): KeysFile => readKeys(values.keys);

const ACTIONS: Readonly<Record<string, Action>> = {
  create: { run: (input) => write(input, createKeys(), 'keys written') },
  show: {
    run: async (input) => {
      for (const { name, current, previous } of await keyIdsOf(given(input))) {
        say(`${name.padEnd(8)} ${current}${previous ? `  previous ${previous}` : ''}`);
      }
    },
  },
  rotate: {
    names: KEY_NAMES,
    run: (input, name) => {
      const keys = rotateKey(given(input), nameOf(name));
      write(input, keys, `new ${name} key, the one before is kept beside it`);
    },
  },
  retire: {
    names: KEY_NAMES,
    run: (input, name) => {
      write(input, retireKey(given(input), nameOf(name)), `previous ${name} key left out`);
    },
  },
  setting: {
    names: Object.keys(KEY_SETTINGS),
    run: (input, name) => {
      const { isSecret, of } = KEY_SETTINGS[name]!;
      if (isSecret) printSecret(name, of(given(input)));
      else process.stdout.write(of(given(input)));
    },
  },
  share: {
    names: Object.keys(PROCESS_KEYS),
    run: (input, name) => {
      const keys = keysOfProcess(given(input), name as ProcessName);
      write(input, keys, `keys for ${name} written`);
    },
  },
};

const nameOf = (name: string) => KEY_NAMES.find((each) => each === name)!;

export const KEYS: Command = {
  name: 'keys',
  summary: 'makes, shows, changes and hands out keys; files have mode 600',
  details: [
    '  create            all keys of a deployment; also if no action is given',
    '  show              the ids of the keys, nothing secret',
    `  rotate KEY        a new one, the old one still believed: ${KEY_NAMES.join(', ')}`,
    '  retire KEY        the old one is believed no longer',
    `  share PROCESS     only what a process needs: ${Object.keys(PROCESS_KEYS).join(', ')}`,
    '  setting NAME      one setting of edge, central or publisher of overlays, for a pipe to `wrangler secret put`',
  ].join('\n'),
  operands: '[ACTION [NAME]]',
  operandCount: { min: 0, max: 2 },
  options: {
    keys: KEYS_OPTION,
    out: { value: 'FILE', help: 'where to write the new file; never over one' },
  },
  run: async (input) => {
    const [actionName = 'create', name] = input.operands;
    const action = Object.hasOwn(ACTIONS, actionName) ? ACTIONS[actionName] : undefined;
    if (!action) throw new UsageError('there is no such action');
    if (action.names ? !action.names.includes(name ?? '') : name !== undefined) {
      throw new UsageError(
        action.names
          ? `${actionName} takes one of ${action.names.join(', ')}`
          : `${actionName} takes no name`,
      );
    }
    await action.run(input, name ?? '');
    return EXIT.ok;
  },
};
