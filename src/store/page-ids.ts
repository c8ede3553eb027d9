/** Ids for pages in arenas that several collections share: none is given twice in an isolate. */
export class PageIds {
  #next = 1;

  /** The first of `count` ids in a row. */
  take(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}
