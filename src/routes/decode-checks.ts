/**
 * The body of POST /v1/checks, decoded by hand: one pass, no copies, nothing unknown let through.
 *
 * A schema library costs several times the check for a flight of 1,000. Only the form is looked at
 * here; whether a number can be one is the document's business, and told for each document alone.
 */

import type { DocumentRequest } from '../check/plan.ts';
import { SltdError } from '../errors.ts';
import { DIRECTIONS, OPERATION_ID, PURPOSES } from '../format/check-event.ts';

const DOCUMENTS_MAX = 1_000;
const ID_LENGTH_MAX = 64;
/** Nothing longer can be part of a document; the bound on the body bounds the rest. */
const TEXT_LENGTH_MAX = 1_024;

export interface ChecksBody {
  documents: DocumentRequest[];
  /** One document stood alone, and is answered alone. */
  isSingle: boolean;
  purpose: string | undefined;
  direction: (typeof DIRECTIONS)[number] | undefined;
  /** Of the joint operation that the check belongs to. */
  operation: string | undefined;
  sequenceMin: number;
}

/** The request in a parsed body. Throws 'request-invalid', 'batch-empty' or 'batch-too-large'. */
export function decodeChecks(body: unknown): ChecksBody {
  const fields = objectOf(body);
  let documents: unknown;
  let purpose: string | undefined;
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
        purpose = oneOf(PURPOSES, value);
        break;
      case 'direction':
        direction = oneOf(DIRECTIONS, value);
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
  if (isSingle === (documents !== undefined)) throw new SltdError('request-invalid');
  return {
    documents: isSingle ? [complete(single)] : decodeBatch(documents),
    ...{ isSingle, purpose, direction, operation, sequenceMin },
  };
}

function decodeBatch(value: unknown): DocumentRequest[] {
  if (!Array.isArray(value)) throw new SltdError('request-invalid');
  if (value.length === 0) throw new SltdError('batch-empty');
  if (value.length > DOCUMENTS_MAX) throw new SltdError('batch-too-large');
  return value.map((item: unknown) => {
    const fields = objectOf(item);
    const document: DocumentRequest = {
      ...{ id: undefined, mrz: undefined, number: undefined },
      ...{ issuingState: undefined, documentClass: undefined },
    };
    for (const name in fields) decodeField(document, name, fields[name]);
    return complete(document);
  });
}

function decodeField(document: DocumentRequest, name: string, value: unknown): void {
  if (typeof value !== 'string') throw new SltdError('request-invalid');
  if (value.length > (name === 'id' ? ID_LENGTH_MAX : TEXT_LENGTH_MAX)) {
    throw new SltdError('request-invalid');
  }
  switch (name) {
    case 'id':
      document.id = value;
      break;
    case 'number':
      document.number = value;
      break;
    case 'issuingState':
      document.issuingState = value;
      break;
    case 'mrz':
      document.mrz = value;
      break;
    case 'documentClass':
      document.documentClass = value;
      break;
    default:
      throw new SltdError('request-invalid');
  }
}

/** Either an MRZ or number and issuing state, never both. */
function complete(document: DocumentRequest): DocumentRequest {
  const { mrz, number, issuingState } = document;
  const isComplete =
    mrz === undefined
      ? number !== undefined && issuingState !== undefined
      : number === undefined && issuingState === undefined;
  if (!isComplete) throw new SltdError('request-invalid');
  return document;
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SltdError('request-invalid');
  }
  return value as Record<string, unknown>;
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T {
  const known = values.find((name) => name === value);
  if (known === undefined) throw new SltdError('request-invalid');
  return known;
}

function operationOf(value: unknown): string {
  if (typeof value !== 'string' || !OPERATION_ID.test(value)) {
    throw new SltdError('request-invalid');
  }
  return value;
}

function sequenceOf(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new SltdError('request-invalid');
  return value as number;
}
