/**
 * GET /healthz: the Worker runs. GET /readyz: it could answer a check now,
 * from its first collection: another list that is away must not take the edge out of service.
 *
 * Both without a token, and both without a word about the list but edition and age.
 */

import { SltdError } from '../errors.ts';
import type { OpenRoute } from '../middleware/guard.ts';
import { respond } from '../middleware/respond.ts';
import { ageOf } from '../store/edition.ts';

export async function getHealth(): Promise<Response> {
  return respond('{"health":"alive"}', { requestId: crypto.randomUUID() });
}

/** Throws 'edition-missing', 'edition-rollback' or 'edition-expired' while it could not answer. */
export async function getReadiness({ services, requestId, defer }: OpenRoute): Promise<Response> {
  const { limits, now } = services;
  const { id: edition, head } = await services.main.editions.current(defer);
  const age = ageOf(head, now(), limits);
  if (age.freshness === 'expired') throw new SltdError('edition-expired');
  const { sequence } = head;
  return respond(JSON.stringify({ health: 'ready', edition, sequence, ...age }), { requestId });
}
