/**
 * GET /v1/editions: what the edge answers from, how old it is, and which states it covers.
 */

import type { GuardedRoute } from '../middleware/guard.ts';
import { respond } from '../middleware/respond.ts';
import { ageOf } from '../store/edition.ts';
import type { Floor } from '../store/floor.ts';

export async function getEditions({ services, requestId, defer }: GuardedRoute): Promise<Response> {
  const { editions, limits, now } = services;
  const edition = await editions.current(defer);
  const { head, manifest, overlay } = edition;
  const states = [...manifest.states()].map(({ state, coverage, asOf, recordCount }) => ({
    ...{ state, coverage, asOf: isoOf(asOf), recordCount },
  }));
  const body = {
    editions: [
      {
        collection: head.collection,
        edition: edition.id,
        sequence: head.sequence,
        asOf: isoOf(head.asOf),
        issuedAt: isoOf(head.issuedAt),
        notAfter: isoOf(head.notAfter),
        permittedAt: isoOf(head.permittedAt),
        ...ageOf(head, now(), limits),
        builtAsOf: isoOf(manifest.asOf),
        recordCount: manifest.recordCount,
        shardCount: manifest.shardCount,
        overlay: overlay && {
          asOf: isoOf(overlay.asOf),
          from: isoOf(overlay.from),
          lastOperation: overlay.lastOperation,
          operationCount: overlay.operationCount,
        },
        /** Nothing older is taken. */
        floor: floorView(editions.floor),
        /** Why the last look for a newer one failed, if it did. */
        lastFailure: editions.lastFailure,
        states,
      },
    ],
  };
  return respond(JSON.stringify(body), { requestId });
}

function floorView({ sequence, permittedAt, overlayAsOf }: Floor) {
  return {
    sequence,
    permittedAt: isoOf(permittedAt),
    overlayAsOf: overlayAsOf > 0 ? isoOf(overlayAsOf) : undefined,
  };
}

const isoOf = (timeMs: number) => new Date(timeMs).toISOString();
