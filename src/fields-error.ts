/**
 * What is wrong with each field of a body: a path and a stable code, never the value.
 *
 * The problem has the code 'request-invalid' and says the fields in `errors`.
 */

import { type ErrorCode, SltdError } from './errors.ts';

/** One field that cannot be taken. */
export interface FieldError {
  /** Name of the member, with dots for members of members; empty for one that has no place here. */
  field: string;
  code: ErrorCode;
}

/** A body with fields that cannot be taken; at least one. */
export class FieldsError extends SltdError {
  readonly fields: readonly FieldError[];

  constructor(fields: readonly FieldError[]) {
    super('request-invalid');
    this.fields = fields;
  }
}
