/**
 * Attacks by data without end: bodies that never stop, lengths that lie, stores that hang.
 *
 * They go through the sources that ship, over a transport of the attacker's.
 */

import { HEAD_NAME } from '../../src/format/names.ts';
import { HttpSource } from '../../src/store/http-source.ts';
import { type ObjectBucket, R2Source } from '../../src/store/r2-source.ts';
import { type Attack, namesInUse } from './metadata-mount.ts';
import type { MetadataWorld } from './metadata-world.ts';

const TIMEOUT_MS = 60;
const CHUNK_BYTES = 64 * 1024;
/** What a reader would have to hold, if it believed the stream: far more than an isolate has. */
const ENDLESS_BYTES_MAX = 512 * 1024 * 1024;

const GAIN = 'readers run out of memory or time, and are without a list';

const never = new Promise<never>(() => {});

/** A body that gives the object, and then goes on and on. */
function endless(start: Uint8Array): ReadableStream<Uint8Array> {
  let given = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = given === 0 ? start : new Uint8Array(CHUNK_BYTES);
      given += chunk.length;
      if (given > ENDLESS_BYTES_MAX) controller.error(new Error('read to the end'));
      else controller.enqueue(chunk);
    },
  });
}

const hanging = (start: Uint8Array) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(start.slice(0, 8)),
    pull: () => never,
  });

const RESPONSES: Record<string, (bytes: Uint8Array) => Response | Promise<Response>> = {
  'a body without end': (bytes) => new Response(endless(bytes)),
  'a body without end under the right length': (bytes) =>
    new Response(endless(bytes), { headers: { 'content-length': String(bytes.length) } }),
  'a length of terabytes': (bytes) =>
    new Response(endless(bytes), { headers: { 'content-length': String(2 ** 42) } }),
  'a body that hangs': (bytes) => new Response(hanging(bytes)),
  'no answer at all': () => never,
  'a redirect': () => Response.redirect('https://elsewhere.invalid/', 302),
  'an error with the bytes': (bytes) =>
    new Response(bytes as Uint8Array<ArrayBuffer>, { status: 500 }),
};

type R2Object = Awaited<ReturnType<ObjectBucket['get']>>;

const R2_OBJECTS: Record<string, (bytes: Uint8Array) => Promise<R2Object>> = {
  'a size of terabytes in the bucket': async (bytes) => ({
    size: 2 ** 42,
    arrayBuffer: async () => bytes.slice().buffer as ArrayBuffer,
  }),
  'a size that is too small in the bucket': async (bytes) => ({
    size: 16,
    arrayBuffer: async () => new ArrayBuffer(bytes.length + CHUNK_BYTES),
  }),
  'a body that hangs in the bucket': async (bytes) => ({
    size: bytes.length,
    arrayBuffer: () => never,
  }),
  'a bucket that hangs': () => never,
};

/** For each kind of object each way of not ending. */
export function endlessAttacksOn(world: MetadataWorld): Attack[] {
  const honest = (name: string) =>
    name === HEAD_NAME ? world.current.headBytes : world.objects.get(name);
  return Object.entries(namesInUse(world)).flatMap(([kind, target]) => [
    ...Object.entries(RESPONSES).map(([what, respond]) => ({
      ...{ family: 'endless data', name: `${what} for a ${kind}`, gain: GAIN },
      source: new HttpSource('https://editions.invalid/', {
        timeoutMs: TIMEOUT_MS,
        fetch: async (input) => {
          const name = String(input).slice('https://editions.invalid/'.length);
          const bytes = honest(name);
          if (!bytes) return new Response(null, { status: 404 });
          return name === target ? respond(bytes) : new Response(bytes as Uint8Array<ArrayBuffer>);
        },
      }),
    })),
    ...Object.entries(R2_OBJECTS).map(([what, read]) => ({
      ...{ family: 'endless data', name: `${what} for a ${kind}`, gain: GAIN },
      source: new R2Source(
        {
          get: async (name) => {
            const bytes = honest(name);
            if (!bytes) return null;
            if (name === target) return read(bytes);
            const { length: size } = bytes;
            return { size, arrayBuffer: async () => bytes.slice().buffer as ArrayBuffer };
          },
        },
        { timeoutMs: TIMEOUT_MS },
      ),
    })),
  ]);
}
