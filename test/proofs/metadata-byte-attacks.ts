/** Attacks by whoever holds the bucket and no key: bytes changed, taken away, or put elsewhere. */

import {
  bytesOf,
  CLEAR,
  mounted,
  namesInUse,
  type Plan,
  withHead,
  withObject,
} from './metadata-mount.ts';
import { type MetadataWorld, mapSource } from './metadata-world.ts';

/** Fields by where they stand in the head (docs/format.md section 11). */
const FIELDS: Record<string, number> = {
  ...{ magic: 0, version: 8, length: 12, sequence: 16, issuedAt: 24, notAfter: 32, asOf: 40 },
  ...{ overlayLength: 48, overlaySha256: 56, reserved: 88, 'permit magic': 128 },
  ...{ 'permit time': 144, 'permit end': 152, 'permit collection': 160 },
  ...{ 'permit manifest': 184, 'permit manifest length': 216, 'permit key id': 224 },
  ...{ 'permit signature': 240, 'key id': 304, signature: 320 },
};

/** One byte is another, in each field of the head and in several places of every other object. */
export function changedBytes(world: MetadataWorld): Plan[] {
  const heads = Object.entries(FIELDS).map(([field, offset]) => {
    const bytes = world.current.headBytes.slice();
    bytes[offset]! ^= 1;
    return { name: `another ${field} in the head`, gain: CLEAR, source: withHead(world, bytes) };
  });
  const others = Object.entries(namesInUse(world)).filter(([kind]) => kind !== 'head');
  const objects = others.flatMap(([kind, name]) =>
    [0, 8, 20, 40, 60].map((offset) => {
      const bytes = bytesOf(world, name).slice();
      bytes[offset]! ^= 1;
      return {
        name: `byte ${offset} of a ${kind} changed`,
        ...{ gain: CLEAR, source: withObject(world, name, bytes) },
      };
    }),
  );
  return [...heads, ...objects];
}

/** Something else stands in the place of an object. */
export function arbitraryObjects(world: MetadataWorld): Plan[] {
  const text = (content: string) => new TextEncoder().encode(content);
  return Object.entries(namesInUse(world)).flatMap(([kind, name]) => {
    const bytes = bytesOf(world, name);
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    const contents: Record<string, Uint8Array> = {
      nothing: new Uint8Array(),
      'its first byte': bytes.slice(0, 1),
      'its first 16 bytes': bytes.slice(0, 16),
      'its first half': bytes.slice(0, bytes.length >> 1),
      'all but its last byte': bytes.slice(0, -1),
      'one byte more': longer,
      'as many zeros': new Uint8Array(bytes.length),
      'a page of HTML': text('<!doctype html><title>404</title>'),
      'an empty JSON object': text('{}'),
    };
    return Object.entries(contents).map(([content, instead]) => ({
      name: `${content} for a ${kind}`,
      gain: CLEAR,
      source: mounted(world, name, instead),
    }));
  });
}

/** Objects are taken away. */
export function vanishedObjects(world: MetadataWorld): Plan[] {
  const single = Object.entries(namesInUse(world)).map(([kind, name]) => ({
    name: `no ${kind}`,
    ...{ gain: CLEAR, source: mounted(world, name, undefined) },
  }));
  const folders = ['pages/', 'manifests/', 'overlays/', ''].map((folder) => {
    const left = [...world.objects].filter(([name]) => !name.startsWith(folder));
    return {
      name: `nothing in ${folder || 'the bucket but the head'}`,
      ...{ gain: CLEAR, source: mapSource(new Map(left), world.current.headBytes) },
    };
  });
  return [...single, ...folders];
}

/** Objects of the deployment stand under the names of others. */
export function swappedObjects(world: MetadataWorld): Plan[] {
  const names = namesInUse(world);
  const folderOf = (name: string) => name.slice(0, name.indexOf('/') + 1);
  return Object.entries(names)
    .filter(([kind]) => kind !== 'head')
    .flatMap(([kind, name]) =>
      [...world.objects]
        .filter(([other]) => other !== name && folderOf(other) === folderOf(name))
        .slice(0, 8)
        .map(([other, bytes]) => ({
          name: `${other.slice(0, 16)} under the name of a ${kind}`,
          ...{ gain: CLEAR, source: withObject(world, name, bytes) },
        })),
    );
}
