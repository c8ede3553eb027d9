/**
 * A bucket binding behind as much of the S3 protocol as the publisher speaks, for tests alone: what is
 * tried out is the bucket of the Workers runtime, its conditions and its listing.
 *
 * Production speaks to R2's own S3 interface; only the reading side has the binding.
 */

/** A few at a time, so that a listing has more than one page. */
const LIST_MAX = 3;
const PRECONDITION_FAILED = 412;

export default {
  async fetch(
    request: Request,
    { BUCKET, listMax = LIST_MAX }: { BUCKET: R2Bucket; listMax?: number },
  ): Promise<Response> {
    if (!request.headers.get('authorization')?.startsWith('AWS4-HMAC-SHA256 ')) {
      return new Response(null, { status: 403 });
    }
    const { pathname, searchParams } = new URL(request.url);
    const key = decodeURIComponent(pathname.split('/').slice(2).join('/'));
    if (key === '') return list(BUCKET, searchParams, listMax);
    switch (request.method) {
      case 'GET': {
        const object = await BUCKET.get(key);
        if (!object) return new Response(null, { status: 404 });
        return new Response(object.body, { headers: { etag: object.httpEtag } });
      }
      case 'HEAD': {
        const object = await BUCKET.head(key);
        return new Response(null, { status: object ? 200 : 404 });
      }
      case 'PUT': {
        const put = await BUCKET.put(key, await request.arrayBuffer(), {
          onlyIf: request.headers,
          sha256: request.headers.get('x-amz-content-sha256') ?? '',
        });
        if (!put) return new Response(null, { status: PRECONDITION_FAILED });
        return new Response(null, { headers: { etag: put.httpEtag } });
      }
      case 'DELETE':
        await BUCKET.delete(key);
        return new Response(null, { status: 204 });
      default:
        return new Response(null, { status: 405 });
    }
  },
};

async function list(bucket: R2Bucket, query: URLSearchParams, limit: number): Promise<Response> {
  const listed = await bucket.list({
    prefix: query.get('prefix') ?? '',
    limit,
    cursor: query.get('continuation-token') ?? undefined,
  });
  const rows = listed.objects.map(
    ({ key, size, uploaded }) =>
      `<Contents><Key>${key}</Key><LastModified>${uploaded.toISOString()}</LastModified>` +
      `<Size>${size}</Size></Contents>`,
  );
  const next = listed.truncated
    ? `<NextContinuationToken>${listed.cursor}</NextContinuationToken>`
    : '';
  const xml =
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${listed.truncated}</IsTruncated>` +
    `${next}${rows.join('')}</ListBucketResult>`;
  return new Response(xml, { headers: { 'content-type': 'application/xml' } });
}
