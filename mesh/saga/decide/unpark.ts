import type { SagaStepView } from '../saga.ts';
import { reporting, type SagaDecision, wait } from './decision.ts';
import { type SagaRecord, stepAt, withStep } from './record.ts';

/** Whether a step is stuck on its way forward: refused after the pivot. */
export function isStuckForward(step: SagaStepView): boolean {
  return step.state === 'stuck' && step.undoAttempts === 0;
}

/**
 * Sets a parked saga going, after an operator did so `earlier` times: with the stuck undo, the step that was refused after
 * the pivot, or the way forward when it should never have turned back.
 */
export function retryStuck(record: SagaRecord, earlier: number, nowMs: number): SagaDecision {
  const stuck = record.steps.findIndex((step) => step.state === 'stuck');
  const onward = forwardAgain(record, stuck, earlier);
  if (onward) return unpark(onward, true, nowMs);
  const forward = isStuckForward(stepAt(record, stuck));
  return unpark(withStep(record, stuck, { state: forward ? 'started' : 'undoing' }), forward, nowMs);
}

/** Passes over the stuck `step`, as an operator says it ended. */
export function resolveStuck(record: SagaRecord, step: number, nowMs: number): SagaDecision {
  const forward = isStuckForward(stepAt(record, step));
  const end: Partial<SagaStepView> = forward
    ? { state: 'done', endTimeMs: nowMs }
    : { state: 'undone', undoEndTimeMs: nowMs };
  return unpark(withStep(record, step, end), forward, nowMs);
}

function unpark(record: SagaRecord, forward: boolean, nowMs: number): SagaDecision {
  if (forward) return wait({ ...record, state: 'running', failure: undefined, usedMs: 0 }, nowMs);
  return reporting({ at: 'compensating' }, wait({ ...record, state: 'compensating' }, nowMs));
}

/**
 * Reasons for which earlier versions turned a saga back, though they say that the installation was wired wrongly: reasons
 * of the runtime, and the names of codes where a peer gave no reason.
 */
const miswired: ReadonlySet<string> = new Set([
  'UNKNOWN_METHOD',
  'UNKNOWN_ENCODING',
  'UNDECODABLE_MESSAGE',
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
]);

/**
 * The record to go forward with, of a saga that a wrongly wired installation turned back. Undefined where that is not so, or
 * where an undo may have had an effect: each attempt of the stuck one has to have been refused, and parked the saga.
 */
function forwardAgain(record: SagaRecord, stuck: number, earlier: number): SagaRecord | undefined {
  const { failure, steps } = record;
  if (!failure || failure.cancelled || !miswired.has(failure.reason)) return undefined;
  if (steps.some(({ state }) => state === 'undone')) return undefined;
  const { undoAttempts } = stepAt(record, stuck);
  if (undoAttempts === 0 || undoAttempts > earlier + 1) return undefined;
  const refused = steps.findIndex(({ state }) => state === 'refused');
  if (refused === -1) return withStep(record, stuck, { state: 'started', ...notUndone });
  return withStep(withStep(record, stuck, { state: 'done', lastError: '', ...notUndone }), refused, {
    state: 'started',
  });
}

const notUndone = { undoAttempts: 0, undoStartTimeMs: undefined };
