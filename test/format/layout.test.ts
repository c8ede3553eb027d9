import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CATEGORIES } from '../../src/format/category.ts';
import * as layout from '../../src/format/layout.ts';

const DOCUMENT = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
const LAYOUT = layout as Readonly<Record<string, number>>;
const BYTES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Prefix of the constants of a struct, and the constant of its size. */
const STRUCTS: Readonly<Record<string, { prefix: string; size: string }>> = {
  PageHeader: { prefix: 'PAGE', size: 'PAGE_HEADER_BYTES' },
  Trailer: { prefix: 'TRAILER', size: 'TRAILER_BYTES' },
  Manifest: { prefix: 'MANIFEST', size: 'MANIFEST_HEADER_BYTES' },
  StateRow: { prefix: 'STATE_ROW', size: 'STATE_ROW_BYTES' },
  PageReference: { prefix: 'PAGE_REFERENCE', size: 'PAGE_REFERENCE_BYTES' },
  Overlay: { prefix: 'OVERLAY', size: 'OVERLAY_HEADER_BYTES' },
  Operation: { prefix: 'OPERATION_ROW', size: 'OPERATION_ROW_BYTES' },
  Head: { prefix: 'HEAD', size: 'HEAD_TRAILER' },
  Permit: { prefix: 'PERMIT', size: 'PERMIT_TRAILER' },
};

interface Field {
  name: string;
  offset: number;
  byteCount: number;
}

/** The fields with an offset and a scalar type that the document draws in `struct NAME { ... }`. */
function fieldsOf(struct: string): Field[] {
  const drawing = new RegExp(`^struct ${struct} \\{[^\\n]*\\n([^}]*)^\\}`, 'm').exec(DOCUMENT);
  expect(drawing, struct).not.toBeNull();
  const line = /^ *(\d+) +(u\d+)(?:\[(\d+)\])? +(\w+)/gm;
  return Array.from(drawing![1]!.matchAll(line), ([, offset, type, count, name]) => ({
    name: name!,
    offset: Number(offset),
    byteCount: BYTES[type!]! * Number(count ?? 1),
  }));
}

/** keyId becomes PREFIX_KEY_ID; reserved fields are lettered where there are several. */
function constantsOf(struct: string, fields: readonly Field[]): string[] {
  const { prefix } = STRUCTS[struct]!;
  const reservedCount = fields.filter(({ name }) => name === 'reserved').length;
  let reservedIndex = 0;
  return fields.map(({ name }) => {
    if (struct === 'StateRow' && name === 'state') return `${prefix}_CODE`;
    const upper = name.replace(/[A-Z]/g, '_$&').toUpperCase();
    const letter =
      name === 'reserved' && reservedCount > 1 ? `_${'ABC'.charAt(reservedIndex++)}` : '';
    return `${prefix}_${upper}${letter}`;
  });
}

describe.each(Object.keys(STRUCTS))('struct %s of the document', (struct) => {
  const fields = fieldsOf(struct);

  test('has no gap and no overlap, and the size that the code takes', () => {
    let end = 0;
    for (const field of fields) {
      expect(field.offset, field.name).toBe(end);
      end += field.byteCount;
    }
    expect(end).toBe(LAYOUT[STRUCTS[struct]!.size]);
  });

  test('has its fields where the code reads them', () => {
    constantsOf(struct, fields).forEach((constant, index) => {
      if (constant.endsWith('_MAGIC') && struct !== 'PageHeader') return; // one for all: PAGE_MAGIC
      expect(LAYOUT[constant], constant).toBe(fields[index]!.offset);
    });
  });
});

test('every object begins alike, so that one reader of the first 16 bytes serves them all', () => {
  for (const struct of ['PageHeader', 'Manifest', 'Overlay', 'Head', 'Permit']) {
    expect(fieldsOf(struct).slice(0, 4)).toEqual([
      { name: 'magic', offset: layout.PAGE_MAGIC, byteCount: 8 },
      { name: 'version', offset: layout.PAGE_VERSION, byteCount: 2 },
      { name: 'reserved', offset: layout.PAGE_RESERVED_A, byteCount: 2 },
      { name: 'length', offset: layout.PAGE_LENGTH, byteCount: 4 },
    ]);
  }
});

test('the version is the first of the document, and the last of its changes', () => {
  const changes = [...DOCUMENT.matchAll(/^\| (\d+) \| \d{4}-\d{2}-\d{2} \|/gm)];
  expect(Number(changes.at(-1)![1])).toBe(layout.FORMAT_VERSION);
  expect(DOCUMENT).toContain(`# The edition format, version ${layout.FORMAT_VERSION}\n`);
});

test('the categories of the document are those of the code', () => {
  const rows = [...DOCUMENT.matchAll(/^\| ([0-5]) \| ([a-z ]+) \|$/gm)];
  const names = rows.map(([, , name]) => name!.replace('not specified', 'unspecified'));
  expect(names.map((name) => name.replace(' ', '-'))).toEqual(CATEGORIES);
});
