/**
 * Marks whatever a training central answers, whichever address it is: nothing of it can be taken for
 * live, and no new address can be forgotten.
 *
 *     every response   X-Training: true
 *     JSON             "training": true as the first member, also of problems
 *     event streams    the same in the data of each event
 *     HTML             TRAINING above the page and in its title
 *     CSV              a first column `training`
 */

import { markJson, TRAINING_HEADER } from '../../src/format/training.ts';

/** The response with its mark. */
export async function markTraining(response: Response): Promise<Response> {
  const headers = new Headers(response.headers);
  headers.set(TRAINING_HEADER, 'true');
  headers.delete('content-length');
  const type = headers.get('content-type') ?? '';
  const again = (body: BodyInit | null) => new Response(body, { status: response.status, headers });
  if (/^application\/(problem\+)?json\b/.test(type)) return again(markJson(await response.text()));
  if (type.startsWith('text/html')) return again(markHtml(await response.text()));
  if (type.startsWith('text/csv')) return again(markCsv(await response.text()));
  if (type.startsWith('text/event-stream'))
    return again(response.body?.pipeThrough(eventMarker()) ?? null);
  return again(response.body);
}

const markHtml = (text: string): string =>
  text
    .replace('<title>', '<title>TRAINING: ')
    .replace(/<body>/, '<body><p role="note"><strong>TRAINING</strong></p>');

/** A record begins after a line break outside of quotes (RFC 4180). */
function markCsv(text: string): string {
  let isFirst = true;
  return text.replace(/(?:"[^"]*"|[^"\r\n])+(?:\r?\n|$)/g, (record) => {
    const mark = isFirst ? 'training' : 'TRAINING';
    isFirst = false;
    return `${mark},${record}`;
  });
}

/** Events come whole: one chunk has one or more of them. */
function eventMarker(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  return new TransformStream({
    transform: (chunk, controller) => {
      const text = decoder.decode(chunk, { stream: true });
      controller.enqueue(
        encoder.encode(text.replaceAll(/^data: \{(?=")/gm, 'data: {"training":true,')),
      );
    },
  });
}
