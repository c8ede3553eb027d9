/**
 * The body of POST /v1/checks, decoded by hand: one pass, no copies, nothing unknown let through.
 *
 * A schema library costs several times the check for a flight of 1,000. Only the form is looked at
 * here; whether a number can be one is the document's business, and told for each document alone.
 */

import type { DocumentRequest } from '../check/plan.ts';
import { type ErrorCode, SltdError } from '../errors.ts';
import { FieldsError } from '../fields-error.ts';
import { DIRECTIONS, PURPOSES } from '../format/check-event.ts';
import { ID } from '../format/forms.ts';

const DOCUMENTS_MAX = 1_000;
const ID_LENGTH_MAX = 64;
/** Nothing longer can be part of a document; the bound on the body bounds the rest. */
const TEXT_LENGTH_MAX = 1_024;

export interface ChecksBody {
  documents: DocumentRequest[];
  /** One document stood alone, and is answered alone. */
  isSingle: boolean;
  purpose: (typeof PURPOSES)[number] | undefined;
  direction: (typeof DIRECTIONS)[number] | undefined;
  /** Of the joint operation that the check belongs to. */
  operation: string | undefined;
  sequenceMin: number;
}

/**
 * The request in a parsed body. Throws 'request-invalid' with the first field that cannot be taken,
 * 'batch-empty' or 'batch-too-large'.
 */
export function decodeChecks(body: unknown): ChecksBody {
  const fields = objectOf(body, '');
  let documents: unknown;
  let purpose: ChecksBody['purpose'];
  let direction: ChecksBody['direction'];
  let operation: string | undefined;
  let sequenceMin = 0;
  const single: DocumentRequest = {};
  let isSingle = false;
  for (const name in fields) {
    const value = fields[name];
    switch (name) {
      case 'documents':
        documents = value;
        break;
      case 'purpose':
        purpose = oneOf(PURPOSES, value, name);
        break;
      case 'direction':
        direction = oneOf(DIRECTIONS, value, name);
        break;
      case 'operation':
        operation = operationOf(value);
        break;
      case 'minSequence':
        sequenceMin = sequenceOf(value);
        break;
      default:
        decodeField(single, name, value);
        isSingle = true;
    }
  }
  if (isSingle && documents !== undefined) refuse('documents', 'field-invalid');
  return {
    documents: documents === undefined ? [complete(single)] : decodeBatch(documents),
    ...{ isSingle: documents === undefined, purpose, direction, operation, sequenceMin },
  };
}

function decodeBatch(value: unknown): DocumentRequest[] {
  if (!Array.isArray(value)) return refuse('documents', 'field-invalid');
  if (value.length === 0) throw new SltdError('batch-empty');
  if (value.length > DOCUMENTS_MAX) throw new SltdError('batch-too-large');
  return value.map((item: unknown, index) => {
    const fields = objectOf(item, `documents.${index}`);
    const document: DocumentRequest = {
      ...{ id: undefined, mrz: undefined, number: undefined },
      ...{ issuingState: undefined, documentClass: undefined },
    };
    for (const name in fields) decodeField(document, name, fields[name], index);
    return complete(document, index);
  });
}

/** `index` is the document's in its batch; undefined if it stands alone. */
function decodeField(
  document: DocumentRequest,
  name: string,
  value: unknown,
  index?: number,
): void {
  switch (name) {
    case 'id':
      document.id = textOf(value, name, index);
      break;
    case 'number':
      document.number = textOf(value, name, index);
      break;
    case 'issuingState':
      document.issuingState = textOf(value, name, index);
      break;
    case 'mrz':
      document.mrz = textOf(value, name, index);
      break;
    case 'documentClass':
      document.documentClass = textOf(value, name, index);
      break;
    default:
      refuse('', 'field-unknown');
  }
}

/** Either an MRZ or number and issuing state, never both. */
function complete(document: DocumentRequest, index?: number): DocumentRequest {
  const { mrz, number, issuingState } = document;
  if (mrz === undefined) {
    if (number === undefined && issuingState === undefined) refuse(pathOf('mrz', index));
    if (number === undefined) refuse(pathOf('number', index));
    if (issuingState === undefined) refuse(pathOf('issuingState', index));
  } else if (number !== undefined || issuingState !== undefined) {
    refuse(pathOf('mrz', index), 'field-invalid');
  }
  return document;
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(path, 'field-invalid');
  }
  return value as Record<string, unknown>;
}

function textOf(value: unknown, name: string, index?: number): string {
  const lengthMax = name === 'id' ? ID_LENGTH_MAX : TEXT_LENGTH_MAX;
  if (typeof value !== 'string' || value.length > lengthMax) {
    return refuse(pathOf(name, index), 'field-invalid');
  }
  return value;
}

function oneOf<T extends string>(values: readonly T[], value: unknown, name: string): T {
  const known = values.find((one) => one === value);
  return known ?? refuse(name, 'field-invalid');
}

function operationOf(value: unknown): string {
  if (typeof value === 'string' && ID.test(value)) return value;
  return refuse('operation', 'field-invalid');
}

function sequenceOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  return refuse('minSequence', 'field-invalid');
}

const pathOf = (name: string, index: number | undefined): string =>
  index === undefined ? name : `documents.${index}.${name}`;

/** Names of members are ours; one that is not is not repeated. */
function refuse(field: string, code: ErrorCode = 'field-missing'): never {
  throw new FieldsError([{ field, code }]);
}
