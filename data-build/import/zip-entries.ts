/**
 * The files of a zip archive, in the order of its directory.
 *
 * Folders are passed over; anything encrypted, or packed in a way other than deflate, is refused.
 * Sizes are checked while reading (yauzl compares with the directory, input-bytes.ts bounds them).
 */

import type { Readable } from 'node:stream';
import * as yauzl from 'yauzl';
import { SltdError } from '../../src/errors.ts';
import { ZIP_ENTRIES_MAX } from './input-limits.ts';

interface OpenZip {
  entries: readonly (() => Promise<Readable>)[];
  close(): void;
}

const unreadable = (detail: string, cause?: unknown): SltdError =>
  new SltdError('input-unreadable', { detail, cause });

/** Opens an archive of 1 to 16 files; 'input-unreadable' if it is none. */
export async function openZip(path: string): Promise<OpenZip> {
  const zip = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, file) => {
      if (error) reject(unreadable('zip directory is broken', error));
      else resolve(file);
    });
  });
  try {
    const entries = await listEntries(zip);
    if (entries.length === 0) throw new SltdError('input-empty', { detail: 'zip without a file' });
    return {
      entries: entries.map((entry) => () => openEntry(zip, entry)),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

function listEntries(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: yauzl.Entry[] = [];
    zip.once('error', (cause) => reject(unreadable('zip directory is broken', cause)));
    zip.once('end', () => resolve(entries));
    zip.on('entry', (entry: yauzl.Entry) => {
      if (!entry.fileName.endsWith('/')) entries.push(entry);
      if (entries.length > ZIP_ENTRIES_MAX) reject(unreadable('zip with more than 16 files'));
      else if (entry.isEncrypted()) reject(unreadable('zip is encrypted'));
      else if (!entry.canDecodeFileData()) reject(unreadable('zip packed in an unknown way'));
      else zip.readEntry();
    });
    zip.readEntry();
  });
}

function openEntry(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) reject(unreadable('zip data is broken', error));
      else resolve(stream);
    });
  });
}
