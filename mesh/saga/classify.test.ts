import { ClientError, Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { classify } from './classify.ts';

const refusals = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNAUTHENTICATED',
  'UNIMPLEMENTED',
]);
const codes = Object.entries(Status).filter((entry): entry is [string, Status] => typeof entry[1] === 'number');

it.each(codes)('an error of code %s is a refusal only if that code is definite', (name, code) => {
  const outcome = refusals.has(name) ? 'refused' : 'unknown';
  expect(classify(new MeshError(code, 'A_REASON', 'text'))).toEqual({
    outcome,
    error: { reason: 'A_REASON', message: 'text' },
  });
  expect(classify(new ClientError('/a.B/C', code, 'text'))).toEqual({
    outcome,
    error: { reason: name, message: 'text' },
  });
});

it.each([new Error('broken'), new DOMException('gone', 'AbortError'), 'a string', undefined])(
  'an error that says nothing about the effect leaves it unknown: %s',
  (error) => {
    expect(classify(error).outcome).toBe('unknown');
  },
);
