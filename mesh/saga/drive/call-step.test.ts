import { ClientError, Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { undecodableMessage } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { requestIdReused } from '../../idempotency/errors.ts';
import { classify } from './call-step.ts';

const outcomes = new Map<string, string>([
  ...['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'OUT_OF_RANGE'].map(
    (code): [string, string] => [code, 'refused'],
  ),
  ...['PERMISSION_DENIED', 'UNAUTHENTICATED', 'UNIMPLEMENTED'].map((code): [string, string] => [code, 'miswired']),
]);
const codes = Object.entries(Status).filter((entry): entry is [string, Status] => typeof entry[1] === 'number');

it.each(codes)('treats an error of code %s as a refusal only if the called service answered it', (name, code) => {
  const outcome = outcomes.get(name) ?? 'unknown';
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
  'leaves the outcome unknown if the error does not show the effect: %s',
  (error) => {
    expect(classify(error).outcome).toBe('unknown');
  },
);

it('treats a message that the other build cannot decode as wrong wiring, even if its code is a refusal', () => {
  expect(classify(undecodableMessage({ path: '/payment.v1.PaymentService/Charge' })).outcome).toBe('miswired');
});

it('treats its own request id that belongs to another request as wrong wiring, and that of others as a refusal', () => {
  const reused = requestIdReused({ method: '/payment.v1.PaymentService/Charge', requestId: 'mine' });
  expect(classify(reused, 'mine').outcome).toBe('miswired');
  expect(classify(reused, 'other').outcome).toBe('refused');
  const unnamed = new MeshError(reused.code, reused.reason, 'text');
  expect(classify(unnamed, 'mine').outcome).toBe('miswired');
});
