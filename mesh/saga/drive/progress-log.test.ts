import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { newRecord, withStep } from '../decide/record.ts';
import type { StoredSaga } from '../store/saga-table.ts';
import { classify } from './call-step.ts';
import { createProgressLog } from './progress-log.ts';

it('logs which step failed, at which attempt, why, and when it is retried', () => {
  const { logger, lines } = captureLog();
  const shape = { steps: [{ name: 'charge' }, { name: 'ship' }] };
  const record = withStep(newRecord(shape, 0), 1, { state: 'started', attempts: 3 });
  const saga = { name: 'place-order', id: 's1', subjectId: 'o1', record } as StoredSaga;
  const next = { ...saga, record: { ...record, waitUntilMs: 60_000 } };
  const cause = new Error('the socket hung up', { cause: new Error('connect ECONNREFUSED') });
  const verdict = classify(new MeshError(Status.UNAVAILABLE, 'CARRIER_UNAVAILABLE', 'no answer', { cause }));
  const event = { kind: 'step-unknown', step: 1, error: verdict.error } as const;
  createProgressLog(logger, createTestClock()).written(saga, next, event, verdict.cause);
  expect(lines).toMatchObject([
    {
      msg: 'saga step failed',
      step: 'ship',
      attempt: 3,
      next_attempt: '1970-01-01T00:01:00.000Z',
      reason: 'CARRIER_UNAVAILABLE',
      message: 'no answer',
      cause: 'the socket hung up: connect ECONNREFUSED',
    },
  ]);
});

it('logs which step is stuck and why, when a saga needs attention', () => {
  const { logger, lines } = captureLog();
  const record = withStep(newRecord({ steps: [{ name: 'reserve' }, { name: 'charge' }] }, 0), 1, { state: 'started' });
  const saga = { name: 'place-order', id: 's1', subjectId: 'o1', record } as StoredSaga;
  const lastError = 'BALANCE_TOO_LARGE: withdraw first';
  const stuck = { ...withStep(record, 1, { state: 'stuck', lastError }), state: 'needs-attention' as const };
  const error = { reason: 'BALANCE_TOO_LARGE', message: 'withdraw first' };
  createProgressLog(logger, createTestClock()).written(
    saga,
    { ...saga, record: stuck },
    { kind: 'undo-refused', step: 1, error },
  );
  expect(lines).toMatchObject([
    { msg: 'saga step failed' },
    { msg: expect.stringContaining('saga needs attention'), saga_id: 's1', step: 'charge', last_error: lastError },
  ]);
});
