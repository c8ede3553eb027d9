/**
 * Delivery worker: takes what is due from the outbox, sends it, writes down what became of it.
 *
 * A delivery is taken by moving its `due_at` to the end of a lease that is longer than an attempt can
 * last, so that no two workers have it at once, and one that was taken by a process that died comes
 * back by itself. At least once, therefore; `webhook-id` lets the receiver drop what it already has.
 *
 * Each endpoint has a lane of its own: one that hangs holds up no other. When a whole batch fails the
 * receiver is away, and what waits for it is put off without using up its attempts.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Selectable, Transaction } from 'kysely';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import type { Reach } from './address-guard.ts';
import { FIRST_DELAY_MS, retryDelayMs } from './back-off.ts';
import { type Outcome, send } from './send.ts';
import type { DeliveriesTable, EndpointsTable, NotificationsTable } from './tables.ts';

/** Attempts of one endpoint at a time. */
const BATCH_MAX = 16;
/** How often the outbox is looked at; what is due now waits no longer. */
const POLL_MS = 200;
const TIMEOUT_MS = 10_000;
/** A lease outlasts an attempt by this: time to write the outcome down. */
const LEASE_MARGIN_MS = 5_000;
const WRITE_AGAIN_MS = 100;

export interface WorkerOptions {
  db: CentralDatabase;
  reach: Reach;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Of [0, 1). */
  random?: () => number;
  timeoutMs?: number | undefined;
  firstDelayMs?: number | undefined;
  /** Called in the transaction that writes down what was received. */
  onDelivered?: (
    transaction: Transaction<CentralSchema>,
    notificationIds: readonly string[],
  ) => Promise<void>;
  /** Told how many deliveries have become dead letters. */
  onDead?: (count: number) => void;
  /** Told of what a round failed with; the next round tries again. */
  onError?: (error: unknown) => void;
}

type Taken = Selectable<DeliveriesTable> & Pick<NotificationsTable, 'body'>;

export class DeliveryWorker {
  readonly #options: WorkerOptions;
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Work until stop(); never throws. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.openLanes().catch((error: unknown) => this.#options.onError?.(error));
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
    await Promise.all(this.#lanes.values());
  }

  /** Let attempts under way come to their end, and take no new ones. */
  stop(): void {
    this.#stop.abort();
  }

  /** Give every endpoint that has something due, and no lane, a lane; returns without waiting. */
  async openLanes(): Promise<void> {
    for (const endpoint of await this.#dueEndpoints()) {
      if (this.#lanes.has(endpoint.id)) continue;
      const lane = this.#workOff(endpoint)
        .catch((error: unknown) => this.#options.onError?.(error))
        .finally(() => this.#lanes.delete(endpoint.id));
      this.#lanes.set(endpoint.id, lane);
    }
  }

  /** Wait until no lane is open. */
  async settle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes.values());
  }

  #dueEndpoints(): Promise<Selectable<EndpointsTable>[]> {
    const { db, clock } = this.#options;
    return db
      .selectFrom('endpoints')
      .selectAll()
      .where('disabled_at', 'is', null)
      .where((eb) =>
        eb.exists(
          eb
            .selectFrom('deliveries')
            .select('deliveries.id')
            .whereRef('deliveries.endpoint_id', '=', 'endpoints.id')
            .where('deliveries.state', '=', 'pending')
            .where('deliveries.due_at', '<=', clock()),
        ),
      )
      .execute();
  }

  async #workOff(endpoint: Selectable<EndpointsTable>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { timeoutMs = TIMEOUT_MS } = this.#options;
      const untilMs = performance.now() + timeoutMs + LEASE_MARGIN_MS;
      const taken = await this.#take(endpoint.id);
      if (taken.length === 0) return;
      const outcomes = await Promise.all(
        taken.map((delivery) => this.#attempt(delivery, endpoint)),
      );
      await this.#whileLeased(untilMs, () => this.#writeDown(taken, outcomes, endpoint.id));
      if (!outcomes.some(({ kind }) => kind === 'delivered')) return;
    }
  }

  /** Take what is due under a lease. */
  async #take(endpointId: string): Promise<Taken[]> {
    const { db, clock, timeoutMs = TIMEOUT_MS } = this.#options;
    const nowMs = clock();
    const due = db
      .selectFrom('deliveries')
      .select('id')
      .where('endpoint_id', '=', endpointId)
      .where('state', '=', 'pending')
      .where('due_at', '<=', nowMs)
      .orderBy('due_at')
      .limit(BATCH_MAX);
    const rows = await db
      .updateTable('deliveries')
      .set((eb) => ({
        due_at: nowMs + timeoutMs + LEASE_MARGIN_MS,
        attempt_count: eb('attempt_count', '+', 1),
      }))
      .where('id', 'in', due)
      // Asked again: of two workers that saw it due, PostgreSQL lets the second look at what the
      // first has written.
      .where('state', '=', 'pending')
      .where('due_at', '<=', nowMs)
      .returningAll()
      .execute();
    if (rows.length === 0) return [];
    const bodies = await db
      .selectFrom('notifications')
      .select(['id', 'body'])
      .where(
        'id',
        'in',
        rows.map((row) => row.notification_id),
      )
      .execute();
    const bodyOf = new Map(bodies.map(({ id, body }) => [id, body]));
    return rows.map((row) => ({ ...row, body: bodyOf.get(row.notification_id)! }));
  }

  /**
   * What was sent has to be written down, or it is sent again: a database that is busy is asked again
   * until the lease ends.
   */
  async #whileLeased(untilMs: number, write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (performance.now() + WRITE_AGAIN_MS >= untilMs) throw error;
        await sleep(WRITE_AGAIN_MS);
      }
    }
  }

  #attempt(delivery: Taken, endpoint: Selectable<EndpointsTable>): Promise<Outcome> {
    const { reach, clock, timeoutMs = TIMEOUT_MS } = this.#options;
    const nowMs = clock();
    const { url, secret, previous_secret: previous, previous_until: until } = endpoint;
    const secrets = previous !== null && (until ?? 0) > nowMs ? [secret, previous] : [secret];
    const message = { id: delivery.notification_id, url, secrets, body: delivery.body };
    return send(message, { reach, timeoutMs, nowMs });
  }

  async #writeDown(
    taken: readonly Taken[],
    outcomes: readonly Outcome[],
    endpointId: string,
  ): Promise<void> {
    const { db, clock, onDelivered, onDead } = this.#options;
    const nowMs = clock();
    const received = taken.filter((_, index) => outcomes[index]!.kind === 'delivered');
    const isGone = outcomes.some(({ kind }) => kind === 'gone');
    let deadCount = 0;
    await db.transaction().execute(async (transaction) => {
      if (received.length > 0) {
        await transaction
          .updateTable('deliveries')
          .set({ state: 'delivered', finished_at: nowMs, last_failure: null })
          .where(
            'id',
            'in',
            received.map(({ id }) => id),
          )
          .execute();
        await onDelivered?.(
          transaction,
          received.map((delivery) => delivery.notification_id),
        );
      }
      for (const [index, delivery] of taken.entries()) {
        const outcome = outcomes[index]!;
        if (outcome.kind !== 'failed') continue;
        const isDead = await this.#putOff(transaction, delivery, outcome, nowMs);
        if (isDead) deadCount++;
      }
      if (isGone) deadCount += await disable(transaction, endpointId, nowMs);
      else if (received.length === 0) await this.#putOffRest(transaction, endpointId, nowMs);
    });
    if (deadCount > 0) onDead?.(deadCount);
  }

  /** The next attempt of one that failed, or the end of them: then true. */
  async #putOff(
    transaction: Transaction<CentralSchema>,
    { id, attempt_count: attemptCount }: Taken,
    { failure, askedMs }: { failure: string; askedMs?: number | undefined },
    nowMs: number,
  ): Promise<boolean> {
    const { random = Math.random, firstDelayMs } = this.#options;
    const delayMs = retryDelayMs(attemptCount, { random: random(), firstDelayMs, askedMs });
    const isDead = delayMs === undefined;
    await transaction
      .updateTable('deliveries')
      .set({
        last_failure: failure,
        ...(isDead ? { state: 'dead', finished_at: nowMs } : { due_at: nowMs + delayMs }),
      })
      .where('id', '=', id)
      .where('state', '=', 'pending')
      .execute();
    return isDead;
  }

  /** The receiver is away: what else is due for it waits too, and keeps its attempts. */
  async #putOffRest(
    transaction: Transaction<CentralSchema>,
    endpointId: string,
    nowMs: number,
  ): Promise<void> {
    const { firstDelayMs = FIRST_DELAY_MS } = this.#options;
    await transaction
      .updateTable('deliveries')
      .set({ due_at: nowMs + firstDelayMs })
      .where('endpoint_id', '=', endpointId)
      .where('state', '=', 'pending')
      .where('due_at', '<=', nowMs)
      .execute();
  }
}

/** 410: the endpoint is switched off and all that waits for it becomes dead letters; how many. */
async function disable(
  transaction: Transaction<CentralSchema>,
  endpointId: string,
  nowMs: number,
): Promise<number> {
  await transaction
    .updateTable('endpoints')
    .set({ disabled_at: nowMs })
    .where('id', '=', endpointId)
    .execute();
  const { numUpdatedRows } = await transaction
    .updateTable('deliveries')
    .set({ state: 'dead', finished_at: nowMs, last_failure: 'gone' })
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
