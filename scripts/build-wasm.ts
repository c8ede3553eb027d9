/**
 * Compiles assembly/ to build/matcher.wasm, unless it is newer than everything it is made from.
 *
 * The module must stay below 16 KiB and import nothing (test/matcher/module.test.ts).
 */

import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGET = join(ROOT, 'build', 'matcher.wasm');

const OPTIONS = [
  ...['--runtime', 'stub'],
  ...['--enable', 'simd', '--enable', 'bulk-memory'],
  // 64 KiB: the matcher's areas. The host grows it for pages and for building.
  ...['--initialMemory', '1'],
  // Every read and write is bounded where docs/format.md and areas.ts say; traps remain.
  ...['-O3', '--noAssert'],
];

function modifiedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isUpToDate(): boolean {
  const sources = [
    ...readdirSync(join(ROOT, 'assembly')).map((name) => join(ROOT, 'assembly', name)),
    join(ROOT, 'src', 'format', 'layout.ts'),
    join(ROOT, 'node_modules', 'assemblyscript', 'package.json'),
    fileURLToPath(import.meta.url),
  ];
  const builtMs = modifiedMs(TARGET);
  return sources.every((source) => modifiedMs(source) < builtMs);
}

async function build(): Promise<number> {
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--baseDir', ROOT, '--outFile', 'matcher.wasm', ...OPTIONS],
    {
      writeFile: (name: string, contents: Uint8Array | string) => {
        if (name !== 'matcher.wasm') return;
        // Renamed into place, so that nobody ever reads half a module.
        mkdirSync(join(ROOT, 'build'), { recursive: true });
        const unfinished = `${TARGET}.${process.pid}`;
        writeFileSync(unfinished, contents);
        renameSync(unfinished, TARGET);
      },
    },
  );
  const messages = stderr.toString();
  if (messages) console.error(messages);
  return error ? 1 : 0;
}

process.exitCode = isUpToDate() ? 0 : await build();
