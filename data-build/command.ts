/**
 * What every command of the tool shares: options, help, errors and exit codes.
 *
 * Exit codes: 0 done, 1 failed, 2 used wrongly, 3 the data is not acceptable. 130 after Ctrl-C.
 */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { SltdError } from '../src/errors.ts';

export const EXIT = { ok: 0, failure: 1, usage: 2, refused: 3, interrupted: 130 } as const;

export interface Option {
  /** What stands behind the option; absent for a switch. */
  value?: string;
  help: string;
  default?: string;
  required?: boolean;
}

export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** More lines for its help page. */
  details?: string;
  /** Names of the arguments, as the usage line shows them: 'DIR', 'FILE...'. */
  operands?: string;
  operandCount?: { min: number; max: number };
  options: Readonly<Record<string, Option>>;
  /** Answers the exit code; throws a coded error or a UsageError. */
  run(input: CommandInput): Promise<number>;
}

/** Where a command takes keys from; without it, from the environment. */
export const KEYS_OPTION: Option = {
  value: 'FILE',
  help: 'the keys file; its JSON in SLTD_KEYS does as well',
};

export interface CommandInput {
  /** Values of the options that were given or have a default. */
  values: Readonly<Record<string, string | undefined>>;
  /** Switches that were given. */
  switches: ReadonlySet<string>;
  operands: readonly string[];
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Writes a secret into a pipe or a file; UsageError at a terminal, where it would stay on the screen. */
export function printSecret(name: string, text: string): void {
  if (process.stdout.isTTY) {
    throw new UsageError(`${name} is a secret: it goes into a pipe, not to a terminal`);
  }
  process.stdout.write(text);
}

/** Options and operands of a command line; throws a UsageError that says what is wrong. */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
): Omit<CommandInput, 'signal'> & { wantsHelp: boolean } {
  const config: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } };
  for (const [name, option] of Object.entries(command.options)) {
    config[name] = { type: option.value === undefined ? 'boolean' : 'string' };
  }
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true });
  } catch (error) {
    // The first sentence names the option, the rest is advice on quoting.
    throw new UsageError((error as Error).message.split('. ')[0] ?? 'wrong options');
  }
  const values: Record<string, string | undefined> = {};
  const switches = new Set<string>();
  for (const [name, option] of Object.entries(command.options)) {
    const value = parsed.values[name] ?? option.default;
    if (value === true) switches.add(name);
    else if (typeof value === 'string') values[name] = value;
  }
  const wantsHelp = parsed.values.help === true;
  const operands = parsed.positionals;
  if (!wantsHelp) checkComplete(command, values, operands.length);
  return { values, switches, operands, wantsHelp };
}

function checkComplete(
  command: Command,
  values: Readonly<Record<string, string | undefined>>,
  operandCount: number,
): void {
  for (const [name, { required, value }] of Object.entries(command.options)) {
    if (required && !values[name]) throw new UsageError(`--${name} ${value} is missing`);
  }
  const { min, max } = command.operandCount ?? { min: 0, max: 0 };
  if (operandCount < min) throw new UsageError(`${command.operands} is missing`);
  if (operandCount > max) throw new UsageError('too many arguments');
}

/** The help page of a command. */
export function helpOf(command: Command): string {
  const operands = command.operands ? ` ${command.operands}` : '';
  const rows = Object.entries({ ...command.options, help: { help: 'shows this' } as Option }).map(
    ([name, { value, help, default: fallback, required }]) => {
      const left = value === undefined ? `--${name}` : `--${name} ${value}`;
      const note = required ? ' (required)' : fallback ? ` (${fallback} if not given)` : '';
      return { left, right: help + note };
    },
  );
  const width = Math.max(...rows.map(({ left }) => left.length));
  const details = command.details ? `${command.details}\n\n` : '';
  const options = rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}\n`).join('');
  return `sltd ${command.name} [options]${operands}\n\n${command.summary}\n\n${details}${options}`;
}

/** A whole number option; throws a UsageError outside of its range. */
export function wholeNumber(
  input: CommandInput,
  name: string,
  { min, max }: { min: number; max: number },
): number {
  const text = input.values[name] ?? '';
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}`);
  }
  return value;
}

/** An option that takes a number which need not be whole. */
export function decimalNumber(
  input: CommandInput,
  name: string,
  { min, max }: { min: number; max: number },
): number {
  const text = input.values[name] ?? '';
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} takes a number from ${min} to ${max}`);
  }
  return value;
}

/** An option that takes one of a few words. */
export function oneOf<T extends string>(input: CommandInput, name: string, words: readonly T[]): T {
  const found = words.find((word) => word === input.values[name]);
  if (found === undefined) throw new UsageError(`--${name} takes one of ${words.join(', ')}`);
  return found;
}

/** A time such as 2026-01-31 or 2026-01-31T04:00:00Z, in milliseconds; undefined if not given. */
export function timeOption(input: CommandInput, name: string): number | undefined {
  const text = input.values[name];
  if (text === undefined) return undefined;
  if (text === 'now') return Date.now();
  const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(
    text,
  );
  const time = isIso ? Date.parse(text) : Number.NaN;
  if (!(time > 0)) throw new UsageError(`--${name} takes a time such as 2026-01-31T04:00:00Z`);
  if (time > Date.now()) throw new UsageError(`--${name} lies in the future`);
  return time;
}

/** What an error means for the exit code. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Error && error.name === 'AbortError') return EXIT.interrupted;
  if (!(error instanceof SltdError)) return EXIT.failure;
  if (error.code === 'config-invalid') return EXIT.usage;
  const isRefused = error.code.startsWith('input-') || error.code === 'gate-refused';
  return isRefused ? EXIT.refused : EXIT.failure;
}

/** A full disk by its own code, whatever was being written; any other error as it is. */
export function codedError(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return new SltdError('disk-full', { cause: error });
  }
  return error;
}

/** One line for stderr: the stable code and what it means. */
export function errorLine(thrown: unknown): string {
  const error = codedError(thrown);
  if (error instanceof UsageError) return `usage: ${error.message}`;
  if (error instanceof SltdError) return `${error.code}: ${error.message}`;
  if (error instanceof Error && error.name === 'AbortError') return 'interrupted: nothing changed';
  // A mistake of ours or of the machine: its own words, which hold no record.
  const { code, message } = error as NodeJS.ErrnoException;
  return `internal: ${code ?? message}`;
}
