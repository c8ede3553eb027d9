/**
 * Page arena: pages that stay in wasm memory between requests, so that a probe copies nothing.
 *
 * A ring buffer. New pages go in at the head, the oldest leave at the tail; one that was used since
 * it went in goes to the head once more instead (CLOCK: F. J. Corbato, "A paging experiment with
 * the Multics system", 1969). Pages are never split, and begin at multiples of 64 bytes, so that a
 * filter block is one cache line.
 *
 * Where a page lies stands in a table in the same memory, so that the wasm finds it by itself
 * (assembly/filter.ts, screenKeys): a page's slot is its id modulo the number of slots, and of two
 * pages with one slot the later stays.
 *
 *     struct Slot {            // 8 bytes
 *        0  u32  id
 *        4  u32  address       // a multiple of 64, +1 if the page was used; 0: there is none
 *     }
 *
 * What must hold: find() answers 0 or an address where exactly the bytes last put under that id
 * lie. A put() may move and evict any page: an address is good until the next put().
 */

import { assert, SltdError } from '../errors.ts';
import { decodePage, type PageKind } from '../format/page.ts';

const ALIGN_BYTES = 64;
/** Used pages that one put() moves at most: it bounds the time a request may lose here. */
const MOVES_MAX = 16;

const SLOT_BYTES = 8;
const USED = 1;

/** One place in the ring; the table tells whether its page is still the one that is found. */
interface Resident {
  id: number;
  address: number;
  /** Rounded up to ALIGN_BYTES. */
  sizeBytes: number;
}

/** Bytes that a page takes in an arena. */
function roundUp(byteCount: number): number {
  return Math.ceil(byteCount / ALIGN_BYTES) * ALIGN_BYTES;
}

/** Where an arena lies, and what it takes in. */
export interface ArenaOptions {
  memory: WebAssembly.Memory;
  /** Address of the table, which the pages follow: a multiple of 64 and not 0. */
  start: number;
  /** A power of two. */
  slotCount: number;
  /** For pages; rounded down to a multiple of 64. */
  capacityBytes: number;
  kind: PageKind;
}

/** Bytes from the start of an arena to its end; both are multiples of 64. */
export function arenaBytes({ slotCount, capacityBytes }: Omit<ArenaOptions, 'memory'>): number {
  return roundUp(SLOT_BYTES * slotCount) + roundUp(capacityBytes);
}

/** One arena for one kind of page, between fixed addresses of a wasm memory. */
export class PageArena {
  /** Pages that had to leave for others so far. */
  evictions = 0;
  readonly capacityBytes: number;
  /** Address of the table. */
  readonly table: number;
  /** One less than the number of its slots. */
  readonly slotMask: number;

  readonly #memory: WebAssembly.Memory;
  /** Address of the first page. */
  readonly #start: number;
  readonly #kind: PageKind;
  /** Oldest first, from #tailIndex on. */
  #queue: Resident[] = [];
  #tailIndex = 0;
  /** Where the next page goes, from #start. */
  #headOffset = 0;
  #bytes: Uint8Array;
  #words: Uint32Array;

  /** The memory reaches beyond the arena's end. */
  constructor({ memory, start, slotCount, capacityBytes, kind }: ArenaOptions) {
    assert(start > 0 && start % ALIGN_BYTES === 0, 'an arena begins at a multiple of 64');
    assert(slotCount > 0 && (slotCount & (slotCount - 1)) === 0, 'slots are a power of two');
    this.#memory = memory;
    this.table = start;
    this.slotMask = slotCount - 1;
    this.#start = start + roundUp(SLOT_BYTES * slotCount);
    this.#kind = kind;
    this.capacityBytes = Math.floor(capacityBytes / ALIGN_BYTES) * ALIGN_BYTES;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    assert(this.#start + this.capacityBytes < this.#bytes.length, 'an arena lies in the memory');
  }

  /** Bytes of the pages that find() finds, each rounded up to 64. */
  get residentBytes(): number {
    this.#refreshViews();
    const residents = this.#queue.slice(this.#tailIndex).filter((page) => this.#isFound(page));
    return residents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Address of the page last put under this id, a u32, or 0 if it is not here any more. */
  find(id: number): number {
    this.#refreshViews();
    const slot = this.#slotOf(id);
    if (this.#words[slot] !== id) return 0;
    const entry = this.#words[slot + 1]!;
    if (entry === 0) return 0;
    this.#words[slot + 1] = entry | USED;
    return addressOf(entry);
  }

  /**
   * Takes a copy of a page in and answers its address; other pages may have to leave.
   *
   * Throws a format error if the bytes are not a page of the arena's kind, config-invalid if it is
   * larger than the arena.
   */
  put(id: number, page: Uint8Array): number {
    assert(id >= 0 && id < 2 ** 32, 'a page id is a u32');
    if (decodePage(page).kind !== this.#kind) throw new SltdError('page-corrupt');
    const sizeBytes = roundUp(page.length);
    if (sizeBytes > this.capacityBytes) {
      throw new SltdError('config-invalid', { detail: 'a page is larger than its arena' });
    }
    this.#refreshViews();
    this.#clearSlot(id);
    this.#makeRoom(sizeBytes);
    const address = this.#start + this.#headOffset;
    this.#bytes.set(page, address);
    this.#append({ id, address, sizeBytes });
    return address;
  }

  /** Forgets all pages. */
  clear(): void {
    this.#refreshViews();
    this.#words.fill(0, this.table >> 2, this.#start >> 2);
    this.#queue = [];
    this.#tailIndex = 0;
    this.#headOffset = 0;
  }

  /** The memory may have grown: then the old views are empty. */
  #refreshViews(): void {
    if (this.#words.length > 0) return;
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#words = new Uint32Array(this.#memory.buffer);
  }

  /** Index of the slot's first word. */
  #slotOf(id: number): number {
    return (this.table >> 2) + 2 * (id & this.slotMask);
  }

  #clearSlot(id: number): void {
    const slot = this.#slotOf(id);
    this.#words[slot] = 0;
    this.#words[slot + 1] = 0;
  }

  /** The slot's second word if it names this page, else 0. */
  #entryOf({ id, address }: Resident): number {
    const slot = this.#slotOf(id);
    const entry = this.#words[slot + 1]!;
    return this.#words[slot] === id && addressOf(entry) === address ? entry : 0;
  }

  #isFound(page: Resident): boolean {
    return this.#entryOf(page) !== 0;
  }

  /** Lets the oldest pages go or move until `sizeBytes` are free at the head, in one piece. */
  #makeRoom(sizeBytes: number): void {
    let moves = 0;
    while (!this.#hasRoom(sizeBytes)) {
      const oldest = this.#queue[this.#tailIndex]!;
      this.#queue[this.#tailIndex++] = REMOVED;
      const entry = this.#entryOf(oldest);
      if ((entry & USED) !== 0 && moves < MOVES_MAX) {
        moves++;
        this.#moveToHead(oldest);
      } else if (entry !== 0) {
        this.#clearSlot(oldest.id);
        this.evictions++;
      }
      this.#compactQueue();
    }
  }

  /**
   * Whether a page fits at the head; moves the head to the start where only that one has room.
   *
   *   in order   [ free | tail ... pages ... head | free ]
   *   wrapped    [ pages ... head | free | tail ... pages | unused ]
   */
  #hasRoom(sizeBytes: number): boolean {
    const tail = this.#queue[this.#tailIndex];
    if (tail === undefined) {
      this.#headOffset = 0;
      return true;
    }
    const tailOffset = tail.address - this.#start;
    if (this.#headOffset <= tailOffset) return tailOffset - this.#headOffset >= sizeBytes;
    if (this.capacityBytes - this.#headOffset >= sizeBytes) return true;
    if (tailOffset < sizeBytes) return false;
    this.#headOffset = 0;
    return true;
  }

  /**
   * The tail page, already out of the queue, goes in again at the head. There is always room: the
   * place it leaves is free, and reaches down to the head or to the start.
   */
  #moveToHead(page: Resident): void {
    const oldOffset = page.address - this.#start;
    const isWrapped = this.#headOffset <= oldOffset;
    if (!isWrapped && this.capacityBytes - this.#headOffset < page.sizeBytes) this.#headOffset = 0;
    const address = this.#start + this.#headOffset;
    this.#bytes.copyWithin(address, page.address, page.address + page.sizeBytes);
    this.#append({ ...page, address });
  }

  #append(page: Resident): void {
    this.#queue.push(page);
    const slot = this.#slotOf(page.id);
    this.#words[slot] = page.id;
    this.#words[slot + 1] = page.address;
    this.#headOffset = page.address - this.#start + page.sizeBytes;
  }

  #compactQueue(): void {
    if (this.#tailIndex < 1024 || this.#tailIndex * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#tailIndex);
    this.#tailIndex = 0;
  }
}

/** Stands in the queue's places that were left. */
const REMOVED: Resident = { id: 0, address: 0, sizeBytes: 0 };

/** Without the mark that the page was used; unsigned. */
const addressOf = (entry: number): number => (entry & ~USED) >>> 0;
