/**
 * Live: whoever has a case open is sent what happens in it, as server-sent events.
 *
 * The database is the only channel, so that it does not matter which service the change came through:
 * one query, four times a second, asks for the versions of all cases that anybody has open here. A
 * stream begins after the version that the reader names (Last-Event-ID), and misses and doubles
 * nothing: versions of a case have no gaps. It ends with the token of its reader.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Selectable } from 'kysely';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { CaseEventsTable } from './tables.ts';

const POLL_MS = 250;
const HEARTBEAT_MS = 15_000;
const EVENTS_PER_READ = 100;
/** Open streams of one tenant and of all, so that forgotten ones do not fill the memory. */
const STREAMS_PER_TENANT_MAX = 100;
const STREAMS_MAX = 2_000;
/** What a reader may leave unread before it is let go; it comes back with its Last-Event-ID. */
const UNREAD_BYTES_MAX = 256 * 1024;

interface Stream {
  caseId: string;
  tenant: string;
  /** Version of the last event sent. */
  version: number;
  untilMs: number;
  isOpen(): Promise<boolean>;
  heartbeatAt: number;
  /** False once the reader is gone, or too far behind. */
  write(text: string): boolean;
  view(row: Selectable<CaseEventsTable>): object;
  end(): void;
}

interface OpenStream {
  caseId: string;
  tenant: string;
  /** The reader has what is up to this version. */
  afterVersion: number;
  /** End of the reader's token, in milliseconds since 1970. */
  untilMs: number;
  /** Whether the reader may still be told of the case; asked before each event. */
  isOpen(): Promise<boolean>;
  view(row: Selectable<CaseEventsTable>): object;
}

interface LiveOptions {
  db: CentralDatabase;
  clock: () => number;
  onError?: (error: unknown) => void;
  heartbeatMs?: number;
}

export class LiveCases {
  readonly #options: LiveOptions;
  readonly #streams = new Set<Stream>();
  #polling: Promise<void> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** A body of server-sent events; 'throttled' if there are too many. */
  open({
    caseId,
    tenant,
    afterVersion,
    untilMs,
    isOpen,
    view,
  }: OpenStream): ReadableStream<Uint8Array> {
    const own = [...this.#streams].filter((stream) => stream.tenant === tenant).length;
    if (own >= STREAMS_PER_TENANT_MAX || this.#streams.size >= STREAMS_MAX) {
      throw new SltdError('throttled');
    }
    const encoder = new TextEncoder();
    let stream: Stream;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream = {
            ...{ caseId, tenant, version: afterVersion, untilMs, isOpen, view },
            // At once, so that the reader knows that it is connected.
            heartbeatAt: 0,
            write: (text) => {
              if ((controller.desiredSize ?? 0) <= 0) return false;
              controller.enqueue(encoder.encode(text));
              return true;
            },
            end: () => controller.close(),
          };
          this.#streams.add(stream);
          this.#polling ??= this.#poll();
        },
        cancel: () => {
          this.#streams.delete(stream);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNREAD_BYTES_MAX }),
    );
  }

  /** Streams that are open here. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** End all streams. */
  close(): void {
    for (const stream of this.#streams) this.#end(stream);
  }

  #end(stream: Stream): void {
    if (this.#streams.delete(stream)) stream.end();
  }

  async #poll(): Promise<void> {
    while (this.#streams.size > 0) {
      try {
        await this.#round();
      } catch (error) {
        this.#options.onError?.(error);
      }
      await sleep(POLL_MS);
    }
    // In the same turn as the last look: who comes from here on has it begin anew.
    this.#polling = undefined;
  }

  async #round(): Promise<void> {
    const { db, clock, heartbeatMs = HEARTBEAT_MS } = this.#options;
    const nowMs = clock();
    for (const stream of this.#streams) {
      if (nowMs >= stream.untilMs) this.#end(stream);
      else if (nowMs >= stream.heartbeatAt) {
        stream.heartbeatAt = nowMs + heartbeatMs;
        if (!stream.write(': alive\n\n')) this.#end(stream);
      }
    }
    const ids = [...new Set([...this.#streams].map(({ caseId }) => caseId))];
    if (ids.length === 0) return;
    const rows = await db
      .selectFrom('cases')
      .select(['id', 'version'])
      .where('id', 'in', ids)
      .execute();
    const versions = new Map(rows.map(({ id, version }) => [id, version]));
    for (const stream of [...this.#streams]) {
      if ((versions.get(stream.caseId) ?? 0) > stream.version) await this.#send(stream);
    }
  }

  async #send(stream: Stream): Promise<void> {
    if (!(await stream.isOpen())) {
      this.#end(stream);
      return;
    }
    const rows = await this.#options.db
      .selectFrom('case_events')
      .selectAll()
      .where('case_id', '=', stream.caseId)
      .where('version', '>', stream.version)
      .orderBy('version')
      .limit(EVENTS_PER_READ)
      .execute();
    for (const row of rows) {
      // The reader may have gone while this was read.
      if (!this.#streams.has(stream)) return;
      const data = JSON.stringify(stream.view(row));
      if (!stream.write(`id: ${row.version}\nevent: ${row.kind}\ndata: ${data}\n\n`)) {
        this.#end(stream);
        return;
      }
      stream.version = row.version;
    }
  }
}
