/**
 * GET /v1/editions: what the edge answers from, how old it is, and which states it covers.
 */

import type { FindingCoverage } from '../check/check.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import type { GuardedRoute } from '../middleware/guard.ts';
import { respond } from '../middleware/respond.ts';
import { ageOf } from '../store/edition.ts';
import type { Floor } from '../store/floor.ts';

/** Those that the caller may ask; one that there is none of now has the code of why instead. */
export async function getEditions(context: GuardedRoute): Promise<Response> {
  const { requestId, caller } = context;
  const editions = await Promise.all(
    caller.collections.map((collection) => editionView(collection, context)),
  );
  return respond(JSON.stringify({ editions }), { requestId });
}

async function editionView(collection: string, { services, defer, caller }: GuardedRoute) {
  const { collections, limits, now } = services;
  const editions = collections.get(collection)?.editions;
  const edition = await editions?.current(defer).catch(failureOf);
  if (!editions || !edition) return { collection, code: 'collection-missing' satisfies ErrorCode };
  if (edition instanceof SltdError) return { collection, code: edition.code };
  const { head, manifest, overlay } = edition;
  const states = [...manifest.states()].map(({ state, coverage, asOf, recordCount }) =>
    manifest.restrictions?.excludes(state, caller.state)
      ? { state, coverage: 'restricted' satisfies FindingCoverage }
      : { state, coverage, asOf: isoOf(asOf), recordCount },
  );
  return {
    collection,
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
  };
}

/** An expected failure as a value. */
function failureOf(error: unknown): SltdError {
  if (error instanceof SltdError) return error;
  throw error;
}

function floorView({ sequence, permittedAt, overlayAsOf }: Floor) {
  return {
    sequence,
    permittedAt: isoOf(permittedAt),
    overlayAsOf: overlayAsOf > 0 ? isoOf(overlayAsOf) : undefined,
  };
}

const isoOf = (timeMs: number) => new Date(timeMs).toISOString();
