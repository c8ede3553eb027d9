/**
 * Script, style and icon of the officer's page, as Workers serves them: by exact name, with the headers
 * of `public/_headers`. They are read once; no request reaches the file system.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

const FOLDER = new URL('../public/', import.meta.url);
const HEADERS_FILE = '_headers';
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The asset that a request asks for, undefined if it is the app's. */
export type Assets = (request: Request) => Response | undefined;

/** Reads the folder `public`. */
export function readAssets(): Assets {
  const headers = headersOf(readFileSync(new URL(HEADERS_FILE, FOLDER), 'utf8'));
  const bytesOf = new Map(
    readdirSync(FOLDER)
      .filter((name) => name !== HEADERS_FILE)
      .map((name) => [`/${name}`, new Uint8Array(readFileSync(new URL(name, FOLDER)))]),
  );
  return ({ method, url }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const { pathname } = new URL(url);
    const bytes = bytesOf.get(pathname);
    if (!bytes) return undefined;
    const type = TYPES[extname(pathname)] ?? 'application/octet-stream';
    return new Response(method === 'HEAD' ? null : bytes, {
      headers: {
        ...headers,
        'content-type': type,
        'cache-control': 'public, max-age=0, must-revalidate',
      },
    });
  };
}

/** The lines `Name: value` under the one pattern of the file, which is for every address. */
function headersOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => /^\s+\S+:/.test(line));
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.trim().split(':');
      return [name.toLowerCase(), value.join(':').trim()];
    }),
  );
}
