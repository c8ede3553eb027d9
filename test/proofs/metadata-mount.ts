/** How an attack stands in the store: the honest objects, with one or a head of the attacker's. */

import { HEAD_NAME, objectName, sha256 } from '../../src/format/names.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import { type MetadataWorld, mapSource } from './metadata-world.ts';

export interface Attack {
  family: string;
  /** What is done. */
  name: string;
  /** What a reader that takes it would do for the attacker. */
  gain: string;
  source: ObjectSource;
  /** How much later the reader looks, in milliseconds. */
  laterMs?: number;
  /** The list may no longer be answered from at all. */
  mustBeUnknown?: boolean;
  /** Of the head key alone: it signed under what the deployment once permitted, and only a floor tells. */
  needsFloor?: boolean;
}

/** An attack of a family. */
export type Plan = Omit<Attack, 'family'>;

/** What most attacks are for. */
export const CLEAR = 'a reported document is clear';

/** The head in force with one object under a name of our choice; undefined takes it away. */
export function withObject(world: MetadataWorld, name: string, bytes: Uint8Array | undefined) {
  const objects = new Map(world.objects);
  objects.delete(name);
  if (bytes) objects.set(name, bytes);
  return mapSource(objects, world.current.headBytes);
}

/** The honest objects under a head of our choice. */
export const withHead = (world: MetadataWorld, head: Uint8Array) => mapSource(world.objects, head);

/** The same, with objects of our own under their names. */
export async function withHeadAnd(world: MetadataWorld, head: Uint8Array, ...more: Uint8Array[]) {
  const objects = new Map(world.objects);
  for (const bytes of more) {
    const magic = new TextDecoder().decode(bytes.subarray(0, 8));
    const folder = magic === 'SLTDMANI' ? 'manifests' : 'overlays';
    objects.set(objectName(folder, await sha256(bytes)), bytes);
  }
  return mapSource(objects, head);
}

/** The names of the objects that a reader of the present fetches, by what they are. */
export function namesInUse({ current }: MetadataWorld): Record<string, string> {
  const { manifestSha256, overlaySha256 } = current.head;
  const pageOf = (magic: string) =>
    [...current.objects]
      .filter(([, bytes]) => new TextDecoder().decode(bytes.subarray(0, 8)) === magic)
      .sort(([, a], [, b]) => b.length - a.length)[0]![0];
  return {
    head: HEAD_NAME,
    manifest: objectName('manifests', manifestSha256),
    overlay: objectName('overlays', overlaySha256!),
    'filter page': pageOf('SLTDFILT'),
    'match page': pageOf('SLTDMTCH'),
  };
}

/** The honest bytes of a name. */
export const bytesOf = (world: MetadataWorld, name: string) =>
  name === HEAD_NAME ? world.current.headBytes : world.objects.get(name)!;

/** This object in the place of the one of that name, the head included; undefined takes it away. */
export const mounted = (world: MetadataWorld, name: string, bytes: Uint8Array | undefined) =>
  name === HEAD_NAME ? mapSource(world.objects, bytes) : withObject(world, name, bytes);
