/**
 * Reading ahead: WebAssembly has no prefetch, but a loop with nothing in it except reads comes near.
 *
 * A processor waits for as many cache misses at once as fit into the few hundred instructions that
 * it looks ahead. A probe has some fifty, this loop four a key: so a group's lines all come in
 * together, and the probes that follow find them.
 */

import { GROUP_PLACES, TOUCHED } from './areas';

/** Reads where the u32 places from GROUP_PLACES to before `end` say: bytes, after `>> shift`. */
export function touch(end: usize, shift: u32): void {
  let sum: u32 = 0;
  for (let place = GROUP_PLACES; place < end; place += 4) {
    sum += load<u32>(load<u32>(place) >> shift);
  }
  // Nobody reads it; without it a compiler could leave the reads out.
  store<u32>(TOUCHED, sum);
}
