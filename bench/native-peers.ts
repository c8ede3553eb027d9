/**
 * The peers in C (bench/native/), compiled when they are asked for and driven line by line.
 *
 * No package has them in the form compared here, so they are written for this bench, from the
 * papers. They run in a process of their own that does nothing while the matcher is measured.
 */

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('./native/peers.c', import.meta.url));

/** `pthash` is only built. */
export type NativePeer = 'fuse8' | 'fuse16' | 'bloom512' | 'bloom64' | 'pthash';

/** Compiles into `workDir`; undefined where there is no C compiler that can. */
export function compileNativePeers(workDir: string): string | undefined {
  const program = join(workDir, 'peers');
  try {
    execFileSync('cc', ['-O3', '-march=native', '-o', program, SOURCE, '-lm'], { stdio: 'pipe' });
    return program;
  } catch {
    return undefined;
  }
}

/** The program over two files of digests. */
export class NativePeers {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, { listed, unlisted }: { listed: string; unlisted: string }) {
    this.#child = spawn(program, [listed, unlisted]);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Over all listed digests, single-threaded. */
  async build(peer: NativePeer): Promise<{ nanos: number; bytes: number }> {
    const [nanos, bytes] = await this.#tell(`build ${peer}`);
    if (!bytes) throw new Error(`${peer} could not be built`);
    return { nanos: nanos!, bytes };
  }

  /** About the first `count` of the listed or unlisted digests. */
  async ask(peer: NativePeer, which: 'listed' | 'unlisted', count: number) {
    const [nanos, found] = await this.#tell(`ask ${peer} ${which} ${count}`);
    return { nanos: nanos!, found: found! };
  }

  stop(): void {
    this.#child.stdin.end();
  }

  async #tell(line: string): Promise<number[]> {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the program in C ended at: ${line}`);
    return String(value).split(' ').map(Number);
  }
}
