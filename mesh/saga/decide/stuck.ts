import { reporting, type SagaDecision, wait } from './decision.ts';
import type { SagaStepView } from './record.ts';
import { type SagaRecord, stepAt, withStep } from './record.ts';

/** Whether a step is stuck on its way forward: refused after the pivot. */
export function isStuckForward(step: SagaStepView): boolean {
  return step.state === 'stuck' && step.undoAttempts === 0;
}

/**
 * Resumes a saga that needs attention, after an operator did so `earlier` times: with the stuck undo, with the step that was
 * refused after the pivot, or forward if it should never have compensated.
 */
export function resumeStuck(record: SagaRecord, earlier: number, nowMs: number): SagaDecision {
  const stuck = record.steps.findIndex((step) => step.state === 'stuck');
  const onward = forwardAgain(record, stuck, earlier);
  if (onward) return resumeFrom(onward, true, nowMs);
  const forward = isStuckForward(stepAt(record, stuck));
  return resumeFrom(withStep(record, stuck, { state: forward ? 'started' : 'undoing' }), forward, nowMs);
}

/** Passes over the stuck `step`, which has ended as an operator reports. */
export function resolveStuck(record: SagaRecord, step: number, nowMs: number): SagaDecision {
  const forward = isStuckForward(stepAt(record, step));
  const end: Partial<SagaStepView> = forward
    ? { state: 'done', endTimeMs: nowMs }
    : { state: 'undone', undoEndTimeMs: nowMs };
  return resumeFrom(withStep(record, step, end), forward, nowMs);
}

function resumeFrom(record: SagaRecord, forward: boolean, nowMs: number): SagaDecision {
  if (forward) return wait({ ...record, state: 'running', failure: undefined, usedMs: 0 }, nowMs);
  return reporting({ at: 'compensating' }, wait({ ...record, state: 'compensating' }, nowMs));
}

/**
 * Reasons for which earlier versions made a saga compensate, although they mean that the installation was wired wrongly:
 * reasons of the runtime, and the names of codes if a peer gave no reason.
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
 * Returns the record to continue forward with, if a wrongly wired installation made the saga compensate. Undefined
 * otherwise, or if an undo may have had an effect: each attempt of the stuck one must have been refused.
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
