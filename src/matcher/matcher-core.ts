/** The wasm module as it is started: what it exports, and a memory that grows. */

/** What assembly/index.ts exports; the globals are the addresses of areas.ts. */
export interface MatcherCore {
  memory: WebAssembly.Memory;
  digestKeys(count: number): void;
  hashKeys(count: number): void;
  wipeKeys(count: number): void;
  probeFilters(count: number): void;
  screenKeys(
    count: number,
    table: number,
    slotMask: number,
    overlayBlocks: number,
    overlayShift: number,
  ): number;
  probeMatches(count: number): void;
  locateSlots(count: number): void;
  sortDigests(count: number, shardIndex: number, shardCount: number): number;
  markCsv(text: number, length: number, separator: number, marks: number): number;
  buildFilterPage(): void;
  buildMatchPage(): number;
  ADDRESSES: WebAssembly.Global;
  ANSWERS: WebAssembly.Global;
  ARENAS: WebAssembly.Global;
  BUILD_CATEGORIES: WebAssembly.Global;
  BUILD_DIGESTS: WebAssembly.Global;
  BUILD_PAGE: WebAssembly.Global;
  CHUNK_KEYS: WebAssembly.Global;
  DIGESTS: WebAssembly.Global;
  EPOCH_KEY: WebAssembly.Global;
  KEYS: WebAssembly.Global;
  KEY_FIRST_PAGE: WebAssembly.Global;
  KEY_IS_CHANGE: WebAssembly.Global;
  KEY_LENGTH: WebAssembly.Global;
  KEY_SHARD_COUNT: WebAssembly.Global;
  KEY_STRIDE: WebAssembly.Global;
}

/** A core with a memory of its own. */
export function startCore(module: WebAssembly.Module): MatcherCore {
  return new WebAssembly.Instance(module, {}).exports as unknown as MatcherCore;
}

const WASM_PAGE_BYTES = 65536;

/** Grows the memory, if it must, to at least so many bytes; its old views are then empty. */
export function reserve(memory: WebAssembly.Memory, byteCount: number): void {
  const missingBytes = byteCount - memory.buffer.byteLength;
  if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / WASM_PAGE_BYTES));
}
