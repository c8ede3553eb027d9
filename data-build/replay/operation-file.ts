/**
 * Operations of central's log as a file: an operation a line, as `central operations` writes it.
 *
 * The file holds document numbers: it is made with mode 600, read here, and taken away by whoever made
 * it. A line that is not an operation is refused as a whole file is; nothing of it is told.
 */

import { createReadStream } from 'node:fs';
import * as v from 'valibot';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { SltdError } from '../../src/errors.ts';
import { boundedLines } from '../../src/format/bounded-lines.ts';
import { CATEGORIES } from '../../src/format/category.ts';

/** An operation has some 200; nobody can have a whole file read into memory as one line. */
const LINE_BYTES_MAX = 1_000;

const OperationSchema = v.object({
  kind: v.picklist(['added', 'withdrawn']),
  key: v.pipe(v.string(), v.regex(/^[PIVO][A-Z<]{3}[A-Z0-9]{1,32}$/)),
  category: v.picklist(CATEGORIES),
  recordId: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  /** When central took it, in milliseconds since 1970. */
  at: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Another record of the key is listed, or was until lately. */
  elsewhere: v.optional(v.boolean()),
  /** Central stands by it, and no export up to the beginning of the file had it. */
  unconfirmed: v.optional(v.boolean()),
});

/** One change of one key, in the order of the log. */
export type ReplayOperation = Omit<v.InferOutput<typeof OperationSchema>, 'key'> & {
  key: CanonicalKey;
};

/** The operations of a file in order; 'input-unreadable' or 'input-schema'. */
export async function* readOperationFile(path: string): AsyncGenerator<ReplayOperation> {
  try {
    for await (const line of boundedLines(createReadStream(path), LINE_BYTES_MAX)) {
      if (line !== '') yield operationOf(line);
    }
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('input-unreadable', { detail: 'file of operations', cause });
  }
}

function operationOf(line: string | undefined): ReplayOperation {
  let value: unknown;
  try {
    if (line !== undefined) value = JSON.parse(line);
  } catch {
    // The message would hold the line.
  }
  const parsed = v.safeParse(OperationSchema, value);
  if (!parsed.success) throw new SltdError('input-schema', { detail: 'file of operations' });
  return parsed.output as ReplayOperation;
}
