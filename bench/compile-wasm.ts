/** A module of bench/assembly/, compiled as the matcher is (scripts/build-wasm.ts). */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Compiles `bench/assembly/NAME.ts`. */
export async function compileWasm(name: string): Promise<WebAssembly.Module> {
  const dir = mkdtempSync(join(tmpdir(), 'sltd-bench-wasm-'));
  const outFile = join(dir, `${name}.wasm`);
  try {
    const { error, stderr } = await asc.main([
      ...[`bench/assembly/${name}.ts`, '--baseDir', ROOT, '--outFile', outFile],
      ...['--runtime', 'stub', '--enable', 'simd', '--enable', 'bulk-memory'],
      ...['--initialMemory', '1', '-O3', '--noAssert'],
    ]);
    if (error) throw new Error(stderr.toString());
    return new WebAssembly.Module(new Uint8Array(readFileSync(outFile)));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
