/**
 * An arena without bytes: which pages are resident under a policy of eviction, by number and size.
 *
 * `clock` is what src/matcher/page-arena.ts does, but for the gap that a ring leaves at its end. `s3-fifo`
 * keeps a tenth for newcomers (J. Yang and others, "FIFO queues are all you need for cache eviction",
 * SOSP 2023).
 */

export type Policy = 'clock' | 'fifo' | 'lru' | 's3-fifo';

/** Used pages that one put() moves at most; the same as in the arena. */
const MOVES_MAX = 16;
const NEWCOMERS_SHARE = 0.1;
const USES_MAX = 3;

export class ModelArena {
  readonly #policy: Policy;
  readonly #capacityBytes: number;
  /** By page: 0 if it is not resident. */
  readonly #bytes: Int32Array;
  readonly #uses: Uint8Array;
  #usedBytes = 0;
  #newcomerBytes = 0;
  /** Insertion order is queue order, and the first one goes first. */
  readonly #queue = new Set<number>();
  readonly #newcomers = new Set<number>();
  readonly #gone = new Set<number>();

  /** Pages are numbered from 0 to pageCount - 1. */
  constructor(policy: Policy, capacityBytes: number, pageCount: number) {
    this.#policy = policy;
    this.#capacityBytes = capacityBytes;
    this.#bytes = new Int32Array(pageCount);
    this.#uses = new Uint8Array(pageCount);
  }

  /** Whether the page is resident; that counts as a use. */
  find(page: number): boolean {
    if (this.#bytes[page] === 0) return false;
    if (this.#policy === 'lru') {
      this.#queue.delete(page);
      this.#queue.add(page);
    } else if (this.#uses[page]! < USES_MAX) {
      this.#uses[page]!++;
    }
    return true;
  }

  /** Takes in a page that is not resident and fits; others may have to leave. */
  put(page: number, byteCount: number): void {
    let moves = 0;
    while (this.#usedBytes + byteCount > this.#capacityBytes) {
      if (this.#policy === 's3-fifo') this.#leaveOrStay();
      else if (!this.#isMoved(moves++)) this.#remove(first(this.#queue), this.#queue);
    }
    this.#bytes[page] = byteCount;
    this.#uses[page] = 0;
    this.#usedBytes += byteCount;
    if (this.#policy !== 's3-fifo' || this.#gone.delete(page)) {
      this.#queue.add(page);
      return;
    }
    this.#newcomers.add(page);
    this.#newcomerBytes += byteCount;
  }

  /** CLOCK: the oldest one goes to the end of the queue instead, if it was used. */
  #isMoved(moves: number): boolean {
    const page = first(this.#queue);
    if (this.#policy !== 'clock' || this.#uses[page] === 0 || moves >= MOVES_MAX) return false;
    this.#uses[page] = 0;
    this.#queue.delete(page);
    this.#queue.add(page);
    return true;
  }

  /** One step of S3-FIFO: a page leaves, or one that was used stays. */
  #leaveOrStay(): void {
    const isFull = this.#newcomerBytes > NEWCOMERS_SHARE * this.#capacityBytes;
    if (isFull || this.#queue.size === 0) {
      const page = first(this.#newcomers);
      this.#newcomerBytes -= this.#bytes[page]!;
      if (this.#uses[page]! > 0) {
        this.#newcomers.delete(page);
        this.#uses[page] = 0;
        this.#queue.add(page);
        return;
      }
      this.#remove(page, this.#newcomers);
      this.#gone.add(page);
      if (this.#gone.size > this.#queue.size) this.#gone.delete(first(this.#gone));
      return;
    }
    const page = first(this.#queue);
    this.#queue.delete(page);
    if (this.#uses[page]! > 0) {
      this.#uses[page]!--;
      this.#queue.add(page);
    } else {
      this.#remove(page, this.#queue);
    }
  }

  #remove(page: number, queue: Set<number>): void {
    queue.delete(page);
    this.#usedBytes -= this.#bytes[page]!;
    this.#bytes[page] = 0;
  }
}

const first = (pages: Set<number>): number => pages.values().next().value!;
