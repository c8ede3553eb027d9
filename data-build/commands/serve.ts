/** `sltd serve`: the edge on this machine, over an edition directory. */

import { once } from 'node:events';
import { startHost } from '../../host/serve.ts';
import { type Command, EXIT, wholeNumber } from '../command.ts';
import { readMatcherModule } from '../matcher-module.ts';

export const SERVE: Command = {
  name: 'serve',
  summary:
    'answers checks from an edition directory, until Ctrl-C; settings as docs/api.md has them',
  options: {
    editions: { value: 'DIR', help: 'the edition directory', required: true },
    host: {
      value: 'ADDRESS',
      help: 'where to listen; TLS is the work of a proxy',
      default: '127.0.0.1',
    },
    port: { value: 'N', help: 'where to listen; 0 takes a free one', default: '8787' },
  },
  run: async (input) => {
    const { values, signal } = input;
    const log = (line: string) => process.stdout.write(`${line}\n`);
    const host = await startHost({
      directory: values.editions!,
      settings: process.env,
      matcherModule: readMatcherModule(),
      hostname: values.host!,
      port: wholeNumber(input, 'port', { min: 0, max: 65_535 }),
      log,
    });
    const event = (name: string, more: object = {}) =>
      log(
        JSON.stringify({ event: name, time: new Date().toISOString(), port: host.port, ...more }),
      );
    event('start', { hasFloor: Boolean(process.env.PERMIT_FLOOR) });
    if (!signal.aborted) await once(signal, 'abort');
    await host.stop();
    event('stop');
    return EXIT.ok;
  },
};
