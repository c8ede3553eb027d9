/**
 * A store by its location, as the command line and settings spell it: a path, or `s3://bucket/prefix`.
 *
 * Where the service is and what opens it come from the environment under the names that other tools for
 * S3 use, never from the location: locations are shown and logged.
 */

import { fileURLToPath } from 'node:url';
import { SltdError } from '../src/errors.ts';
import { DirectoryStore } from './directory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { S3Client } from './s3-client.ts';
import { S3Store } from './s3-store.ts';

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^(?:[A-Za-z0-9._-]+\/)*$/;

/** As much of the environment as is read here. */
export type StoreEnvironment = Readonly<Record<string, string | undefined>>;

/** The store at a location; 'config-invalid' if the location or the environment is not usable. */
export function openStore(
  location: string,
  environment: StoreEnvironment = process.env,
): ObjectStore {
  if (location.startsWith('s3://')) return openBucket(location, environment);
  if (location.startsWith('file:')) return new DirectoryStore(pathOf(location));
  if (/^[a-z][a-z0-9+]+:\/\//i.test(location) || location === '') {
    refuse('the location of a store is a path, file:... or s3://bucket/prefix');
  }
  return new DirectoryStore(location);
}

function openBucket(location: string, environment: StoreEnvironment): S3Store {
  const { client, prefix } = bucketOf(location, environment);
  return new S3Store(client, { location, prefix });
}

/**
 * Client and prefix (empty, or with a slash at its end) of `s3://bucket/prefix`; throws as openStore().
 * `owner` is what the names in the environment begin with.
 */
export function bucketOf(
  location: string,
  environment: StoreEnvironment = process.env,
  owner = '',
): { client: S3Client; prefix: string } {
  const [bucket = '', ...rest] = location.slice('s3://'.length).split('/');
  const path = rest.filter((segment) => segment !== '').join('/');
  const prefix = path === '' ? '' : `${path}/`;
  if (!BUCKET.test(bucket)) refuse('the name of the bucket in s3://bucket/prefix');
  if (!PREFIX.test(prefix) || /(?:^|\/)\.{1,2}\//.test(prefix)) refuse('the prefix');
  return { client: openClient(bucket, environment, owner), prefix };
}

/**
 * The client of a bucket, from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, each behind `owner`; 'config-invalid' if one that is
 * needed is missing.
 */
function openClient(bucket: string, environment: StoreEnvironment, owner: string): S3Client {
  const setting = (name: string) => environment[owner + name] || undefined;
  const needed = (name: string) => setting(name) ?? refuse(owner + name);
  const region = setting('AWS_REGION') ?? 'auto';
  const endpoint =
    setting('AWS_ENDPOINT_URL_S3') ??
    setting('AWS_ENDPOINT_URL') ??
    (region === 'auto' ? needed('AWS_ENDPOINT_URL_S3') : `https://s3.${region}.amazonaws.com`);
  checkEndpoint(endpoint, `${owner}AWS_ENDPOINT_URL_S3`);
  return new S3Client({
    ...{ endpoint, region, bucket },
    accessKeyId: needed('AWS_ACCESS_KEY_ID'),
    secretAccessKey: needed('AWS_SECRET_ACCESS_KEY'),
    sessionToken: setting('AWS_SESSION_TOKEN'),
  });
}

/** Plain HTTP is for this machine alone: the pages are not secret, but who publishes must be. */
function checkEndpoint(endpoint: string, name: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : refuse(`${name}: a URL`);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    refuse(`${name}: https, except on this machine`);
  }
  if (url.username !== '' || url.search !== '') refuse(`${name}: a plain URL`);
}

function pathOf(location: string): string {
  try {
    return fileURLToPath(location);
  } catch {
    return refuse('file:... with a path on this machine');
  }
}

function refuse(detail: string): never {
  throw new SltdError('config-invalid', { detail });
}
