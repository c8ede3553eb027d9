/**
 * Who may import whom, as docs/architecture.md draws it.
 *
 * The folders of src/ stand in the order of the data; each imports only from those before it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What every folder outside src may know of the edge: documents, bytes, matcher, and the write side of a store. */
const CORE = [
  ...['src/errors.ts', 'src/fields-error.ts', 'src/document', 'src/format', 'src/matcher'],
  'publish',
];

/** What any step of a build may use: its threads, the matcher, how it tells where it is. */
const STEP = [
  'data-build/threads',
  'data-build/matcher-module.ts',
  'data-build/progress.ts',
  'data-build/temp-dir.ts',
];

/** Folder or file of ours → what it may import, itself always included. */
const ALLOWED: Record<string, readonly string[]> = {
  'src/errors.ts': [],
  'src/fields-error.ts': ['src/errors.ts'],
  'src/document': ['src/errors.ts'],
  'src/format': ['src/errors.ts', 'src/document'],
  'src/store': ['src/errors.ts', 'src/document', 'src/format'],
  'src/matcher': ['src/errors.ts', 'src/document', 'src/format', 'src/store'],
  'src/check': ['src/errors.ts', 'src/document', 'src/format', 'src/store', 'src/matcher'],
  'src/services.ts': [
    'src/errors.ts',
    'src/document',
    'src/format',
    'src/store',
    'src/matcher',
    'src/check',
    'src/settings.ts',
    'src/collections.ts',
    'src/world.ts',
  ],
  'src/world.ts': ['src/store'],
  'src/settings.ts': ['src/errors.ts', 'src/format'],
  'src/collections.ts': [
    ...['src/errors.ts', 'src/document', 'src/format', 'src/store', 'src/check'],
    ...['src/settings.ts', 'src/world.ts'],
  ],
  'src/middleware': [
    'src/errors.ts',
    'src/fields-error.ts',
    'src/document',
    'src/format',
    'src/store',
    'src/check',
    'src/services.ts',
    'src/world.ts',
  ],
  'src/routes': [
    ...['src/errors.ts', 'src/document', 'src/format', 'src/store', 'src/matcher', 'src/check'],
    ...['src/fields-error.ts', 'src/services.ts', 'src/middleware'],
  ],
  'src/app.ts': ['src'],
  'src/index.ts': ['src', 'build'],
  assembly: ['src/format/layout.ts'],
  // A body is bounded in one way, on both sides of the store.
  'publish/s3-client.ts': ['src/errors.ts', 'src/store/bounded-bytes.ts'],
  publish: ['src/errors.ts', 'src/document', 'src/format', 'src/matcher'],
  'data-build': CORE,
  // Its steps, in the order of the data. Threads do the work of several; each may hand them theirs.
  'data-build/keys': CORE,
  'data-build/import': [...CORE, 'data-build/temp-dir.ts'],
  'data-build/key-file': [...CORE, 'data-build/import', ...STEP],
  'data-build/pages': [...CORE, 'data-build/key-file', ...STEP],
  'data-build/verify': [...CORE, 'data-build/key-file', 'data-build/pages', ...STEP],
  'data-build/threads': [
    ...[...CORE, 'data-build/import', 'data-build/key-file', 'data-build/pages'],
    ...['data-build/verify', ...STEP],
  ],
  'data-build/edition': [...CORE, 'data-build/keys'],
  'data-build/gates': [
    ...[...CORE, 'data-build/keys', 'data-build/import', 'data-build/key-file'],
    ...['data-build/edition', 'data-build/replay'],
  ],
  'data-build/replay': [...CORE, 'data-build/edition', ...STEP],
  'data-build/generate': [...CORE, 'data-build/key-file', ...STEP],
  'data-build/report': [
    ...[...CORE, 'data-build/import', 'data-build/verify', 'data-build/gates'],
    'data-build/pipeline.ts',
  ],
  // The app on Node: everything of the edge but what only Workers has.
  host: ['src', 'publish'],
  'data-build/commands/serve.ts': [...CORE, 'data-build', 'host'],
  // The one exception: central loads the same export through the same reader, by threads as well.
  'central/load': [
    ...['central', 'src/errors.ts', 'src/document', 'src/format', 'data-build/import'],
    ...['data-build/temp-dir.ts', 'data-build/threads/threads.ts'],
    ...['data-build/threads/block-readers.ts', 'data-build/threads/serve-jobs.ts'],
  ],
  central: CORE,
};

/** Folders whose modules take clock, storage and network as arguments. */
const PURE = [
  'src/document',
  'src/format',
  'src/matcher/reference-matcher.ts',
  'src/check/verdict.ts',
];

const within = (file: string, place: string) => file === place || file.startsWith(`${place}/`);

function sourceFiles(): string[] {
  return ['src', 'assembly', 'publish', 'data-build', 'central', 'host'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  );
}

/** Specifiers of static and dynamic imports and re-exports. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((m) => m[1] as string);
}

const ruleOf = (file: string) =>
  Object.keys(ALLOWED)
    .filter((place) => within(file, place))
    .sort((a, b) => b.length - a.length)[0];

describe('imports follow the order of the data', () => {
  const files = sourceFiles();

  it('finds the sources', () => {
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(files)('%s', (file) => {
    const rule = ruleOf(file);
    expect(rule, 'every source file falls under a rule').toBeDefined();
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) {
        if (PURE.some((place) => within(file, place))) expect(specifier).not.toMatch(/^node:/);
        if (file.startsWith('src/')) expect(specifier).not.toMatch(/^node:/);
        continue;
      }
      const target = relative(ROOT, resolve(ROOT, dirname(file), specifier)).replace(
        /\.js$/,
        '.ts',
      );
      const withSuffix = /\.\w+$/.test(target) ? target : `${target}.ts`;
      const allowed = [rule as string, ...(ALLOWED[rule as string] ?? [])];
      expect(
        allowed.some((place) => within(withSuffix, place)),
        `${file} must not import ${withSuffix}`,
      ).toBe(true);
    }
  });

  it.each(files.filter((file) => PURE.some((place) => within(file, place))))(
    '%s reads no clock, no randomness and no network',
    (file) => {
      const code = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(code).not.toMatch(/Date\.now|new Date\(\)|Math\.random|performance\.now|\bfetch\(/);
    },
  );
});
