/**
 * Circuit breaker: after failures in a row, central is left alone for a while.
 *
 * One try is let through each time the pause is over; it needs no end to be told, so that a request
 * that was broken off leaves the breaker as it should be. Shared by all requests of an isolate.
 */

/** Failures in a row after which it opens. */
const FAILURES_MAX = 5;
/** How long nothing is tried, in milliseconds. */
const PAUSE_MS = 5_000;

export class CircuitBreaker {
  #failureCount = 0;
  #closedAgainAt = 0;

  /** Whether a try may be made now. */
  allows(nowMs: number): boolean {
    if (this.#failureCount < FAILURES_MAX) return true;
    if (nowMs < this.#closedAgainAt) return false;
    this.#closedAgainAt = nowMs + PAUSE_MS;
    return true;
  }

  succeeded(): void {
    this.#failureCount = 0;
  }

  failed(nowMs: number): void {
    this.#failureCount++;
    this.#closedAgainAt = nowMs + PAUSE_MS;
  }
}
