import type { CheckEvent } from '../../src/format/check-event.ts';

/** An event in its place. */
export interface TakenEvent {
  event: CheckEvent;
  number: number;
  /** Milliseconds since 1970. */
  at: number;
  /** The joint operation that it counts for. */
  operationId: string | undefined;
}
