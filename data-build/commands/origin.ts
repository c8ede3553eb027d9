/** `sltd origin`: serves an edition directory over HTTP, on loopback. */

import { setTimeout } from 'node:timers/promises';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { type HeadSigner, heartbeat } from '../../publish/head.ts';
import { SltdError } from '../../src/errors.ts';
import { type Command, EXIT, errorLine, KEYS_OPTION, wholeNumber } from '../command.ts';
import { type RunningOrigin, startOrigin } from '../edition/origin.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { readKeys } from '../keys/keys.ts';

const HEARTBEAT_EVERY_MS = 60_000;

export const ORIGIN: Command = {
  name: 'origin',
  summary: 'serves an edition directory over HTTP on 127.0.0.1, until Ctrl-C',
  operands: 'DIR',
  operandCount: { min: 1, max: 1 },
  options: {
    port: { value: 'N', help: 'where to listen; 0 takes a free one', default: '8788' },
    heartbeat: { help: 'signs the head again, now and every 60 s' },
    keys: KEYS_OPTION,
  },
  run: async (input) => {
    const { values, switches, signal } = input;
    const directory = input.operands[0]!;
    const port = wholeNumber(input, 'port', { min: 0, max: 65_535 });
    const beats = switches.has('heartbeat');
    const signer = beats ? await headSignerOf(readKeys(values.keys, ['head'])) : undefined;
    // The first one before listening: what cannot be signed is told at once.
    if (signer) await heartbeat(new DirectoryStore(directory), signer);
    const origin = await listen(directory, port);
    process.stdout.write(`http://127.0.0.1:${origin.port}\n`);
    try {
      await untilStopped(directory, signer, signal);
    } finally {
      await origin.close();
    }
    return EXIT.ok;
  },
};

async function listen(directory: string, port: number): Promise<RunningOrigin> {
  try {
    return await startOrigin({ directory, port });
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'the port cannot be listened on', cause });
  }
}

async function untilStopped(
  directory: string,
  signer: HeadSigner | undefined,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await setTimeout(HEARTBEAT_EVERY_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted || !signer) continue;
    try {
      await heartbeat(new DirectoryStore(directory), signer);
    } catch (error) {
      // The next minute may go better; readers see the silence in the meantime.
      process.stderr.write(`sltd: ${errorLine(error)}\n`);
    }
  }
}
