/**
 * What the bytes of an edition say, for people and for scripts: head, manifest, overlay or page.
 *
 * Nothing secret is needed, and nothing is believed: structure is checked, signatures are not. The
 * text is held by a snapshot test; if it moves, the format has moved.
 */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import { decodeHead } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName, toHex } from '../../src/format/names.ts';
import { openOverlay } from '../../src/format/overlay.ts';
import { decodePage } from '../../src/format/page.ts';
import { decodePermit } from '../../src/format/permit.ts';

/** Members in the order in which they are printed. */
export type Inspection = Record<string, unknown>;

/** What is at the path: an edition directory, or one object. Throws a format error if neither. */
export function inspect(path: string): Inspection {
  if (!read(() => statSync(path)).isDirectory()) return inspectBytes(readBytes(path));
  const head = readBytes(join(path, HEAD_NAME));
  const { manifestSha256, overlaySha256 } = decodeHead(head);
  const manifest = readBytes(join(path, objectName('manifests', manifestSha256)));
  const overlay = overlaySha256 && readBytes(join(path, objectName('overlays', overlaySha256)));
  return {
    ...{ head: inspectBytes(head), manifest: inspectBytes(manifest) },
    ...(overlay ? { overlay: inspectBytes(overlay) } : {}),
  };
}

/** What one object says, by its first eight bytes. */
export function inspectBytes(bytes: Uint8Array): Inspection {
  const magic = new TextDecoder('latin1').decode(bytes.subarray(0, 8));
  const inspector = INSPECTORS[magic];
  if (!inspector) throw new SltdError('format-magic');
  return inspector(bytes);
}

const isoOf = (time: number): string => new Date(time).toISOString();

const INSPECTORS: Readonly<Record<string, (bytes: Uint8Array) => Inspection>> = {
  SLTDHEAD: (bytes) => {
    const head = decodeHead(bytes);
    return {
      kind: 'head',
      collection: head.collection,
      sequence: head.sequence,
      permittedAt: isoOf(head.permittedAt),
      permittedUntil: isoOf(decodePermit(head.permit).notAfter),
      issuedAt: isoOf(head.issuedAt),
      notAfter: isoOf(head.notAfter),
      asOf: isoOf(head.asOf),
      edition: toHex(head.manifestSha256),
      manifestLength: head.manifestLength,
      overlay: head.overlaySha256 ? toHex(head.overlaySha256) : null,
      overlayLength: head.overlayLength,
      reportedUntil: head.reportedUntil === 0 ? null : isoOf(head.reportedUntil),
      signature: 'not checked',
    };
  },
  SLTDMANI: (bytes) => {
    const manifest = openManifest(bytes);
    const states = [...manifest.states()];
    let pageBytes = 0;
    for (let row = 0; row < manifest.shardCount; row++) {
      pageBytes += manifest.page('filter', row).length + manifest.page('match', row).length;
    }
    return {
      kind: 'manifest',
      collection: manifest.collection,
      asOf: isoOf(manifest.asOf),
      epochKeyId: toHex(manifest.epochKeyId),
      inputsSha256: toHex(manifest.inputsSha256),
      records: manifest.recordCount,
      shards: manifest.shardCount,
      pageBytes,
      length: bytes.length,
      statesWithoutRecords: states.filter(({ recordCount }) => recordCount === 0).length,
      states: states
        .filter(({ recordCount }) => recordCount > 0)
        .map(({ state, coverage, asOf, recordCount, shardCount }) => ({
          ...{ state, coverage, asOf: isoOf(asOf), records: recordCount, shards: shardCount },
        })),
      ...(manifest.restrictions ? { restrictions: manifest.restrictions.rows } : {}),
      signature: 'not checked',
    };
  },
  SLTDOVRL: (bytes) => {
    const overlay = openOverlay(bytes);
    return {
      kind: 'overlay',
      collection: overlay.collection,
      from: isoOf(overlay.from),
      asOf: isoOf(overlay.asOf),
      lastOperation: overlay.lastOperation,
      epochKeyId: toHex(overlay.epochKeyId),
      base: overlay.base ? toHex(overlay.base.sha256) : null,
      operations: overlay.rowCount,
      length: bytes.length,
      signature: 'not checked',
    };
  },
  SLTDFILT: (bytes) => {
    const page = decodePage(bytes);
    const bits = page.tableCount === 0 ? 0 : setBits(bytes.subarray(64)) / (512 * page.tableCount);
    return {
      ...{ kind: 'filter page', ...identityOf(page), keys: page.keyCount },
      ...{ blocks: page.tableCount, probes: page.parameter },
      fill: Number(bits.toFixed(4)),
      ...{ epochKeyId: toHex(page.epochKeyId), length: page.length },
    };
  },
  SLTDMTCH: (bytes) => {
    const page = decodePage(bytes);
    return {
      ...{ kind: 'match page', ...identityOf(page), keys: page.keyCount },
      ...{ buckets: page.tableCount, seed: page.parameter },
      bitsPerKey: page.keyCount === 0 ? 0 : Number(((8 * page.length) / page.keyCount).toFixed(2)),
      ...{ epochKeyId: toHex(page.epochKeyId), length: page.length },
    };
  },
};

const identityOf = ({ state, shardIndex, shardCount }: ReturnType<typeof decodePage>) => ({
  state,
  shard: `${shardIndex + 1} of ${shardCount}`,
});

function setBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  }
  return count;
}

/** The inspection as aligned lines; a list becomes a table. */
export function inspectionText(inspection: Inspection): string {
  const blocks: string[] = [];
  const width = Math.max(...Object.keys(inspection).map((name) => name.length));
  for (const [name, value] of Object.entries(inspection)) {
    if (Array.isArray(value)) blocks.push(tableText(value));
    else if (typeof value === 'object' && value !== null) {
      blocks.push(`${inspectionText(value as Inspection)}\n`);
    } else blocks.push(`${name.padEnd(width)}  ${value ?? 'none'}`);
  }
  return blocks.join('\n').trimEnd();
}

function tableText(rows: readonly Inspection[]): string {
  if (rows.length === 0) return '';
  const columns = Object.keys(rows[0]!);
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) => `  ${line.map((cell, at) => cell.padEnd(widths[at]!)).join('  ')}`.trimEnd())
    .join('\n');
}

function readBytes(path: string): Uint8Array {
  return new Uint8Array(read(() => readFileSync(path)));
}

function read<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new SltdError('edition-missing', { cause });
  }
}
