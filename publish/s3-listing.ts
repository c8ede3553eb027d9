/**
 * Listing of a bucket, as S3 tells it: ListObjectsV2, page after page, in XML.
 *
 * Only the few elements needed are taken out, by their exact spelling; an answer that does not look like
 * a listing is a failure, never an empty list: what is missing from a listing may be taken away.
 */

import { SltdError } from '../src/errors.ts';
import type { StoredEntry } from './object-store.ts';
import type { S3Client } from './s3-client.ts';

/** A page has at most 1,000 entries of some 300 bytes. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** 10 million objects: a listing that does not end is none. */
const PAGES_MAX = 10_000;

/** Every object whose key starts with `prefix`, keys whole; 'store-unavailable' if it cannot be told. */
export async function listObjects(client: S3Client, prefix: string): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  let token: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { bytes } = await client.send({
      ...{ method: 'GET', key: '', lengthMax: PAGE_BYTES_MAX },
      query: {
        ...{ 'list-type': '2', prefix },
        ...(token === undefined ? {} : { 'continuation-token': token }),
      },
    });
    const xml = new TextDecoder().decode(bytes);
    if (!/<ListBucketResult[\s>]/.test(xml)) throw unreadable('listing');
    for (const [, contents] of xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
      entries.push(entryOf(contents!));
    }
    if (elementOf(xml, 'IsTruncated') !== 'true') return entries;
    token = elementOf(xml, 'NextContinuationToken');
    if (!token) throw unreadable('continuation');
  }
  throw unreadable('endless listing');
}

function entryOf(xml: string): StoredEntry {
  const name = elementOf(xml, 'Key');
  const sizeBytes = Number(elementOf(xml, 'Size') ?? 'none');
  const modifiedAt = Date.parse(elementOf(xml, 'LastModified') ?? '');
  if (!name || !Number.isSafeInteger(sizeBytes) || Number.isNaN(modifiedAt)) {
    throw unreadable('entry');
  }
  return { name, sizeBytes, modifiedAt };
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" },
};

/** Text of the first element of this name, entities resolved. */
function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (_, decimal, hex, word) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined;
    if (code !== undefined && code <= 0x10ffff) return String.fromCodePoint(code);
    return ENTITIES[word] ?? '';
  });
}

const unreadable = (detail: string) =>
  new SltdError('store-unavailable', { detail: `unreadable ${detail}` });
