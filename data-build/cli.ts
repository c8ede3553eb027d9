#!/usr/bin/env node
/**
 * The `sltd` command: makes keys and tokens, builds, checks and serves editions.
 *
 * Results go to stdout, progress and errors to stderr. Ctrl-C is passed on as an abort: every command
 * leaves what was there before, whole.
 */

import {
  type Command,
  EXIT,
  errorLine,
  exitCodeOf,
  helpOf,
  parseCommandLine,
  UsageError,
} from './command.ts';
import { BUILD } from './commands/build.ts';
import { CHECK } from './commands/check.ts';
import { DIFF } from './commands/diff.ts';
import { FLOOR } from './commands/floor.ts';
import { GC } from './commands/gc.ts';
import { GENERATE } from './commands/generate.ts';
import { HEARTBEAT } from './commands/heartbeat.ts';
import { INSPECT } from './commands/inspect.ts';
import { KEYS } from './commands/keys.ts';
import { NIGHTLY } from './commands/nightly.ts';
import { ORIGIN } from './commands/origin.ts';
import { PUBLISH } from './commands/publish.ts';
import { RELEASE } from './commands/release.ts';
import { ROLLBACK } from './commands/rollback.ts';
import { SERVE } from './commands/serve.ts';
import { TAG_KEY } from './commands/tag-key.ts';
import { TOKEN } from './commands/token.ts';
import { VERIFY } from './commands/verify.ts';

const COMMANDS: readonly Command[] = [
  ...[KEYS, TAG_KEY, TOKEN, GENERATE, BUILD, NIGHTLY, RELEASE, PUBLISH, ROLLBACK, GC],
  ...[HEARTBEAT, FLOOR, ORIGIN, SERVE, VERIFY, INSPECT, DIFF, CHECK],
];

function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}\n`);
  return `sltd COMMAND [options]\n\n${lines.join('')}\nsltd COMMAND --help says more.\n`;
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  const interrupt = new AbortController();
  const onSignal = () => {
    // The second time somebody means it.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    if (!command) throw new UsageError('there is no such command');
    const { wantsHelp, ...input } = parseCommandLine(command, rest);
    if (wantsHelp) {
      process.stdout.write(helpOf(command));
      return EXIT.ok;
    }
    return await command.run({ ...input, signal: interrupt.signal });
  } catch (error) {
    process.stderr.write(`sltd: ${errorLine(error)}\n`);
    if (error instanceof UsageError) {
      process.stderr.write(command ? `\n${helpOf(command)}` : `\n${overview()}`);
    }
    return exitCodeOf(error);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

process.exitCode = await main(process.argv.slice(2));
