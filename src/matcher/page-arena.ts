/**
 * Page arena: pages that stay in wasm memory between requests, so that a probe copies nothing.
 *
 * A ring buffer. New pages go in at the head, the oldest leave at the tail; one that was used since
 * it went in goes to the head once more instead (CLOCK: F. J. Corbato, "A paging experiment with
 * the Multics system", 1969). Pages are never split, and begin at multiples of 64 bytes, so that a
 * filter block is one cache line.
 *
 * What must hold: find() answers 0 or an address where exactly the bytes last put under that id
 * lie. A put() may move and evict any page: an address is good until the next put().
 */

import { assert, SltdError } from '../errors.ts';
import { decodePage, type PageKind } from '../format/page.ts';

const ALIGN_BYTES = 64;
/** Used pages that one put() moves at most: it bounds the time a request may lose here. */
const MOVES_MAX = 16;

interface Resident {
  /** NaN once a later put() of the same id has replaced it. */
  id: number;
  address: number;
  /** Rounded up to ALIGN_BYTES. */
  sizeBytes: number;
  isUsed: boolean;
}

/** Bytes that a page takes in an arena. */
function roundUp(byteCount: number): number {
  return Math.ceil(byteCount / ALIGN_BYTES) * ALIGN_BYTES;
}

/** One arena for one kind of page, between fixed addresses of a wasm memory. */
export class PageArena {
  /** Pages that had to leave for others so far. */
  evictions = 0;
  /** Bytes of the pages that find() finds, each rounded up to 64. */
  residentBytes = 0;
  readonly capacityBytes: number;

  readonly #memory: WebAssembly.Memory;
  readonly #start: number;
  readonly #kind: PageKind;
  readonly #residents = new Map<number, Resident>();
  /** Oldest first, from #tailIndex on. */
  #queue: Resident[] = [];
  #tailIndex = 0;
  /** Where the next page goes, from #start. */
  #headOffset = 0;
  #bytes: Uint8Array;

  /** `start` is a multiple of 64 and not 0; the memory reaches beyond start + capacityBytes. */
  constructor({
    memory,
    start,
    capacityBytes,
    kind,
  }: {
    memory: WebAssembly.Memory;
    start: number;
    capacityBytes: number;
    kind: PageKind;
  }) {
    assert(start > 0 && start % ALIGN_BYTES === 0, 'an arena begins at a multiple of 64');
    this.#memory = memory;
    this.#start = start;
    this.#kind = kind;
    this.capacityBytes = Math.floor(capacityBytes / ALIGN_BYTES) * ALIGN_BYTES;
    this.#bytes = new Uint8Array(memory.buffer);
    assert(start + this.capacityBytes < this.#bytes.length, 'an arena lies in the memory');
  }

  /** Address of the page last put under this id, or 0 if it is not here any more. */
  find(id: number): number {
    const resident = this.#residents.get(id);
    if (resident === undefined) return 0;
    resident.isUsed = true;
    return resident.address;
  }

  /**
   * Takes a copy of a page in and answers its address; other pages may have to leave.
   *
   * Throws a format error if the bytes are not a page of the arena's kind, config-invalid if it is
   * larger than the arena.
   */
  put(id: number, page: Uint8Array): number {
    if (decodePage(page).kind !== this.#kind) throw new SltdError('page-corrupt');
    const sizeBytes = roundUp(page.length);
    if (sizeBytes > this.capacityBytes) {
      throw new SltdError('config-invalid', { detail: 'a page is larger than its arena' });
    }
    // The memory may have grown since: then the old view is empty.
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#forget(id);
    this.#makeRoom(sizeBytes);
    const address = this.#start + this.#headOffset;
    this.#bytes.set(page, address);
    this.#append({ id, address, sizeBytes, isUsed: false });
    return address;
  }

  /** Forgets all pages. */
  clear(): void {
    this.#residents.clear();
    this.#queue = [];
    this.#tailIndex = 0;
    this.#headOffset = 0;
    this.residentBytes = 0;
  }

  /** Lets the oldest pages go or move until `sizeBytes` are free at the head, in one piece. */
  #makeRoom(sizeBytes: number): void {
    let moves = 0;
    while (!this.#hasRoom(sizeBytes)) {
      const oldest = this.#queue[this.#tailIndex]!;
      this.#queue[this.#tailIndex++] = REMOVED;
      if (oldest.isUsed && !Number.isNaN(oldest.id) && moves < MOVES_MAX) {
        moves++;
        this.#moveToHead(oldest);
      } else if (!Number.isNaN(oldest.id)) {
        this.#forget(oldest.id);
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
    page.address = address;
    page.isUsed = false;
    this.residentBytes -= page.sizeBytes;
    this.#append(page);
  }

  #append(page: Resident): void {
    this.#queue.push(page);
    this.#residents.set(page.id, page);
    this.#headOffset = page.address - this.#start + page.sizeBytes;
    this.residentBytes += page.sizeBytes;
  }

  /** The place stays taken until the tail has reached it. */
  #forget(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    this.#residents.delete(id);
    this.residentBytes -= resident.sizeBytes;
    resident.id = Number.NaN;
  }

  #compactQueue(): void {
    if (this.#tailIndex < 1024 || this.#tailIndex * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#tailIndex);
    this.#tailIndex = 0;
  }
}

/** Stands in the queue's places that were left. */
const REMOVED: Resident = { id: Number.NaN, address: 0, sizeBytes: 0, isUsed: false };
