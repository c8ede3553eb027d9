/**
 * The edge Worker as it is deployed, and before the same bucket the small S3 of index.ts: what is published by
 * the one is read by the other's binding. Which of both a request is for, its credentials say.
 */

import edge, { FloorObject } from '../../../src/index.ts';
import s3 from './index.ts';

export { FloorObject };

type EdgeFetch = (request: Request, env: object, context: ExecutionContext) => Promise<Response>;

export default {
  fetch(
    request: Request,
    env: { EDITIONS: R2Bucket },
    context: ExecutionContext,
  ): Promise<Response> {
    if (request.headers.get('authorization')?.startsWith('AWS4-')) {
      return s3.fetch(request, { BUCKET: env.EDITIONS, listMax: 200 });
    }
    return (edge.fetch as unknown as EdgeFetch)(request, env, context);
  },
};
