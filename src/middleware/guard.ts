/**
 * Guard: what stands before and behind every route.
 *
 * Gives the request an id, asks who it is, lets in the roles that the route is for, and turns
 * whatever the route throws into a problem. One function instead of a chain: on this path a chain of
 * stock middleware costs more than the check itself.
 */

import type { Context } from 'hono';
import { problemMembers } from '../check/answer.ts';
import type { Caller } from '../check/caller.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import { FieldsError } from '../fields-error.ts';
import type { Role } from '../format/role.ts';
import { isForTraining, markJson, TRAINING_HEADER } from '../format/training.ts';
import type { Services } from '../services.ts';
import type { Defer } from '../store/page-store.ts';
import type { Env } from '../world.ts';
import { respondProblem } from './respond.ts';

export type AppContext = Context<{ Bindings: Env }>;

/** The services of this isolate; a promise only until they are there. */
export type ServicesOf = (env: Env) => Services | Promise<Services>;

export interface OpenRoute {
  c: AppContext;
  services: Services;
  requestId: string;
  defer: Defer;
}

export interface GuardedRoute extends OpenRoute {
  caller: Caller;
  /** performance.now() when the request came in. */
  startedMs: number;
}

/** A route that only these roles may take. */
export function guarded(
  servicesOf: ServicesOf,
  roles: readonly Role[],
  route: (context: GuardedRoute) => Promise<Response>,
): (c: AppContext) => Promise<Response> {
  return opened(servicesOf, async (context) => {
    const startedMs = performance.now();
    const { c, services, requestId } = context;
    const caller = await services.credentials.callerOf(c.req.raw.headers.get('authorization'));
    if (!caller) return respondProblem('unauthenticated', { requestId });
    if (!roles.includes(caller.role)) return respondProblem('forbidden', { requestId });
    const guardedRoute = { ...context, caller, startedMs };
    if (!isForTraining(caller.collections)) return route(guardedRoute);
    const answered = route(guardedRoute).catch((error: unknown) =>
      respondError(error, requestId, services.log),
    );
    return marked(await answered);
  });
}

/** Nothing that a training is answered can be taken for live. */
async function marked(response: Response): Promise<Response> {
  const headers = new Headers(response.headers);
  headers.set(TRAINING_HEADER, 'true');
  return new Response(markJson(await response.text()), { status: response.status, headers });
}

/** A route for everybody. */
export function opened(
  servicesOf: ServicesOf,
  route: (context: OpenRoute) => Promise<Response>,
): (c: AppContext) => Promise<Response> {
  return async (c) => {
    const requestId = crypto.randomUUID();
    let services: Services | undefined;
    try {
      const made = servicesOf(c.env);
      services = made instanceof Promise ? await made : made;
      return await route({ c, services, requestId, defer: deferOf(c) });
    } catch (error) {
      return respondError(error, requestId, services?.log);
    }
  };
}

/** Any error as a problem. Only what is not expected is logged, without its message (S8). */
export function respondError(
  error: unknown,
  requestId: string,
  log: (line: string) => void = console.error,
): Response {
  const code: ErrorCode = error instanceof SltdError ? error.code : 'internal';
  if (code === 'internal' || code === 'config-invalid') log(errorLine(error, code, requestId));
  if (!(error instanceof FieldsError)) return respondProblem(code, { requestId });
  const body = `{${problemMembers(code)},"errors":${JSON.stringify(error.fields)}}`;
  return respondProblem(code, { requestId }, body);
}

/** A line of JSON about an error of ours: where it came from, but not its message (S8). */
export function errorLine(error: unknown, code: ErrorCode, requestId: string): string {
  const name = error instanceof Error ? error.name : typeof error;
  // The frames only: the first line of a stack repeats the message, which may hold input.
  const frames = error instanceof Error ? (error.stack ?? '').match(/^\s+at .*$/gm) : undefined;
  const detail = error instanceof SltdError ? error.detail : undefined;
  const at = frames?.slice(0, 5).map((frame) => frame.trim());
  return JSON.stringify({ event: 'error', requestId, code, name, detail, at });
}

/** Work for after the response; where no execution context is given it simply runs along. */
function deferOf(c: AppContext): Defer {
  return (work) => {
    try {
      c.executionCtx.waitUntil(work);
    } catch {
      work.catch(() => {});
    }
  };
}
