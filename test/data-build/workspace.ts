/** A temporary folder with keys, and the steps of the build called in process. */

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, vi } from 'vitest';
import type { Command, CommandInput } from '../../data-build/command.ts';
import type { Profile } from '../../data-build/import/profile.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { importRows } from '../../data-build/key-file/import-rows.ts';
import { readKeyFile } from '../../data-build/key-file/key-file.ts';
import { createKeys, type KeysFile, writeKeys } from '../../data-build/keys/keys.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { type BuildOptions, buildEdition } from '../../data-build/pipeline.ts';
import { Progress } from '../../data-build/progress.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import { CATEGORIES } from '../../src/format/category.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Workspace {
  dir: string;
  keys: KeysFile;
  keysPath: string;
  path(name: string): string;
  /** A new folder. */
  folder(name: string): string;
  write(name: string, content: string | Uint8Array): string;
}

/** A folder of its own, removed after the file's tests. */
export function workspace(): Workspace {
  const dir = mkdtempSync(join(tmpdir(), 'sltd-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const keys = createKeys();
  const keysPath = join(dir, 'keys.json');
  writeKeys(keysPath, keys);
  const path = (name: string): string => join(dir, name);
  return {
    ...{ dir, keys, keysPath, path },
    folder: (name) => {
      mkdirSync(path(name));
      return path(name);
    },
    write: (name, content) => {
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}

export const SLTD_HEADER = 'issuing_state,document_type,number,number_from,number_to,category';

/** An export of the `sltd` profile with these rows, in the order of SLTD_HEADER. */
export const sltdCsv = (...rows: string[]): string => `${[SLTD_HEADER, ...rows].join('\n')}\n`;

let importCount = 0;
const threads = buildThreads(1);

/** Runs the import alone: the keys as "key category", the reject lines, the counts. */
export async function importFiles(
  space: Workspace,
  files: readonly string[],
  profile: Profile = SLTD,
): Promise<{
  keys: string[];
  rejects: string[];
  rows: number;
  accepted: number;
  notes: Record<string, number>;
  newestReport: number;
}> {
  const id = importCount++;
  const rejectsPath = space.path(`import-${id}.rejects`);
  const { counts, keyFile } = await importRows(
    { profile, files, rejectsPath, signal: undefined },
    { tempDir: space.folder(`import-${id}`), progress: new Progress(undefined), threads },
  );
  const keys = [...readKeyFile(keyFile)].map(([key, code]) => `${key} ${CATEGORIES[code]}`);
  const rejects = readFileSync(rejectsPath, 'utf8').trimEnd().split('\n').slice(1);
  const notes = Object.fromEntries(counts.notes);
  const { rows, accepted, newestReport } = counts;
  return { keys, rejects, rows, accepted, notes, newestReport };
}

/** Builds in process, with defaults for what a test does not care about. */
export function build(space: Workspace, options: Partial<BuildOptions> & { files: string[] }) {
  return buildEdition({
    ...{ profile: SLTD, keys: space.keys, outDir: space.path('edition'), collection: 'sltd' },
    ...{ asOf: Date.UTC(2025, 0, 31), ...PAGE_SIZES },
    ...{ tempRoot: space.dir, nonMemberCount: 20_000 },
    ...options,
  });
}

/** Names and bytes of all objects of an edition directory but the head, as one text. */
export function objectNames(dir: string): string[] {
  return ['pages', 'manifests', 'overlays'].flatMap((folder) =>
    readdirSync(join(dir, folder))
      .sort()
      .map((name) => `${folder}/${name}`),
  );
}

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line tool as its own process. */
export async function sltd(args: readonly string[], input = ''): Promise<CommandResult> {
  const child = startSltd(args);
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

/** The same, running. */
export function startSltd(args: readonly string[]) {
  return spawn(process.execPath, ['data-build/cli.ts', ...args], { cwd: ROOT, stdio: 'pipe' });
}

/** Runs a command in process, its stdout a terminal or a pipe; what it wrote there, and what it threw. */
export async function runAt(
  stdout: 'terminal' | 'pipe',
  { run }: Command,
  { values, operands }: Pick<CommandInput, 'values' | 'operands'>,
): Promise<{ text: string; error: unknown }> {
  const { isTTY } = process.stdout;
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  process.stdout.isTTY = stdout === 'terminal';
  try {
    const { signal } = new AbortController();
    await run({ values, operands, signal, switches: new Set() });
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  } finally {
    process.stdout.isTTY = isTTY;
    write.mockRestore();
  }
}
