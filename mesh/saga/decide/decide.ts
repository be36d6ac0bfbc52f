import { sagaTimedOut } from '../errors.ts';
import type { SagaFailure } from '../saga.ts';
import { reporting, type SagaDecision, textOf, wait, waitCounting } from './decision.ts';
import type { SagaStepView } from './record.ts';
import { type SagaRecord, type SagaShape, type StepError, stepAt, withStep } from './record.ts';
import { type RetryPolicy, retryDelayMs } from './retry-delay.ts';
import { count, timeLeftMs, undoPatienceMs } from './running-time.ts';
import { isStuckForward, resolveStuck, resumeStuck } from './stuck.ts';

/**
 * What happened. `resumed`: a wait is over, or an earlier driver died and the outcome of its last call is unknown.
 * `*-miswired`: the call did not reach its service, since the installation is wired wrongly. `held-back`: progress cannot be
 * written. `retry`: an operator resumes a saga that needs attention, and has done so `earlier` times before.
 */
export type SagaEvent =
  | { readonly kind: 'resumed' }
  | { readonly kind: 'step-ok' | 'undo-ok'; readonly step: number }
  | FailedCall<`step-${Failed}` | `undo-${Failed}`>
  | { readonly kind: 'held-back'; readonly error: StepError }
  | { readonly kind: 'retry'; readonly earlier: number }
  | { readonly kind: 'cancel-requested'; readonly error: StepError }
  | { readonly kind: 'resolve'; readonly step: number };

/** How a call can fail. */
export type Failed = 'refused' | 'unknown' | 'miswired';

type FailedCall<Kind extends string> = {
  readonly [K in Kind]: { readonly kind: K; readonly step: number; readonly error: StepError };
}[Kind];

/** What happened, and when. `jitter` (about 1) scales the next wait. */
export type SagaInput = SagaEvent & { readonly nowMs: number; readonly jitter: number };

/** Decides what follows from `input`. A pure function. */
export function decide(shape: SagaShape, retry: RetryPolicy, record: SagaRecord, input: SagaInput): SagaDecision {
  switch (input.kind) {
    case 'held-back':
      return holdBack(retry, record, input);
    case 'cancel-requested':
      return requestCancel(record, input.error, input.nowMs);
    case 'retry':
      return resumeStuck(record, input.earlier, input.nowMs);
    case 'resolve':
      return resolveStuck(expectState(record, input.step, 'stuck'), input.step, input.nowMs);
    case 'resumed':
      return resume(shape, record, input.nowMs);
    default:
      return answered(shape, retry, { ...counted(shape, record, input), heldBack: 0 }, input);
  }
}

/** A step that does not reach its service has not run. */
function counted(shape: SagaShape, record: SagaRecord, { kind, nowMs }: SagaInput): SagaRecord {
  return kind === 'step-miswired' ? { ...record, countsFromMs: undefined } : count(shape, record, nowMs);
}

type Answer = Extract<SagaInput, { readonly step: number; readonly kind: `step-${string}` | `undo-${string}` }>;

function answered(shape: SagaShape, retry: RetryPolicy, read: SagaRecord, input: Answer): SagaDecision {
  const record = expectState(read, input.step, input.kind.startsWith('step') ? 'started' : 'undoing');
  switch (input.kind) {
    case 'step-ok':
      return stepOk(shape, record, input.step, input.nowMs);
    case 'step-refused':
      return stepRefused(shape, record, input.step, input.error, input.nowMs);
    case 'step-unknown':
    case 'step-miswired':
      return stepUnknown(shape, retry, record, input);
    case 'undo-ok':
      return undoOk(shape, record, input.step, input.nowMs);
    case 'undo-refused':
      return park(record, input.step, input.error);
    case 'undo-unknown':
    case 'undo-miswired':
      return undoUnknown(retry, record, input);
  }
}

/** Whether a cancel makes a saga compensate, or finds it compensating already. */
export function acceptsCancel(shape: SagaShape, record: SagaRecord): boolean {
  if (record.state === 'needs-attention') return !record.steps.some(isStuckForward);
  return record.state === 'compensating' || (record.state === 'running' && !pivotStarted(shape, record));
}

function resume(shape: SagaShape, record: SagaRecord, nowMs: number): SagaDecision {
  // When a driver died during a call is unknown, so nothing of that call counts.
  const next = record.waitUntilMs === undefined ? { ...record, countsFromMs: undefined } : count(shape, record, nowMs);
  return record.state === 'running' ? goForward(shape, next, nowMs) : undoNext(shape, next, nowMs);
}

/** Whether a saga compensates because its time was up. */
export function hasTimedOut({ failure }: SagaRecord): boolean {
  return failure?.reason === sagaTimedOut.reason && !failure.cancelled;
}

function goForward(shape: SagaShape, record: SagaRecord, nowMs: number): SagaDecision {
  const next = record.steps.findIndex((step) => step.state !== 'done');
  const failure = reasonToCompensate(shape, record);
  // An accepted cancel holds even if the last step is done; the time limit no longer matters then.
  if (failure && (next !== -1 || failure.cancelled)) return compensate(shape, record, failure, nowMs);
  if (next === -1) return complete(record);
  const step = stepAt(record, next);
  const started = withStep({ ...record, countsFromMs: nowMs, waitUntilMs: undefined }, next, {
    state: 'started',
    attempts: step.attempts + 1,
    startTimeMs: step.startTimeMs ?? nowMs,
  });
  return { record: started, commands: [{ kind: 'run', step: next }] };
}

function complete(record: SagaRecord): SagaDecision {
  const completed: SagaRecord = { ...record, state: 'completed', waitUntilMs: undefined };
  return { record: completed, commands: [{ kind: 'report', report: { at: 'completed' } }, { kind: 'end' }] };
}

function stepOk(shape: SagaShape, record: SagaRecord, step: number, nowMs: number): SagaDecision {
  const done = withStep(record, step, { state: 'done', endTimeMs: nowMs, lastError: '' });
  return reporting({ at: 'step-done', step }, goForward(shape, done, nowMs));
}

function stepRefused(
  shape: SagaShape,
  record: SagaRecord,
  step: number,
  error: StepError,
  nowMs: number,
): SagaDecision {
  if (pivotDone(shape, record)) return park({ ...record, failure: { ...error, cancelled: false } }, step, error);
  const refused = withStep(record, step, { state: 'refused', endTimeMs: nowMs, lastError: textOf(error) });
  return compensate(shape, refused, cancelFailure(record) ?? { ...error, cancelled: false }, nowMs);
}

function stepUnknown(
  shape: SagaShape,
  retry: RetryPolicy,
  record: SagaRecord,
  input: Extract<SagaInput, { readonly kind: 'step-unknown' | 'step-miswired' }>,
): SagaDecision {
  const noted = withStep(record, input.step, { lastError: textOf(input.error) });
  const failure = reasonToCompensate(shape, noted);
  if (failure) return compensate(shape, noted, failure, input.nowMs);
  const delayMs = retryDelayMs(retry, stepAt(noted, input.step).attempts, input.jitter);
  if (input.kind === 'step-miswired') return wait(noted, input.nowMs + delayMs);
  const leftMs = pivotStarted(shape, noted) ? delayMs : Math.min(delayMs, timeLeftMs(shape, noted));
  return waitCounting(noted, input.nowMs, leftMs);
}

/** Why the saga has to compensate, as long as it can. */
function reasonToCompensate(shape: SagaShape, record: SagaRecord): SagaFailure | undefined {
  if (pivotStarted(shape, record)) return undefined;
  if (record.cancel) return cancelFailure(record);
  if (timeLeftMs(shape, record) > 0) return undefined;
  const lastError = record.steps.findLast((step) => step.lastError !== '')?.lastError ?? 'none';
  const message = `the saga did not complete within its time limit; last error: ${lastError}`;
  return { reason: sagaTimedOut.reason, message, cancelled: false };
}

function cancelFailure(record: SagaRecord): SagaFailure | undefined {
  return record.cancel && { ...record.cancel, cancelled: true };
}

function compensate(shape: SagaShape, record: SagaRecord, failure: SagaFailure, nowMs: number): SagaDecision {
  const compensating: SagaRecord = { ...record, state: 'compensating', failure, cancel: undefined };
  return reporting({ at: 'compensating' }, undoNext(shape, compensating, nowMs));
}

function undoNext(shape: SagaShape, record: SagaRecord, nowMs: number): SagaDecision {
  const next = record.steps.findLastIndex((step, at) => mayHaveEffect(step) && shape.steps[at]?.undo !== undefined);
  if (next === -1) {
    const compensated: SagaRecord = { ...record, state: 'compensated', waitUntilMs: undefined };
    return { record: compensated, commands: [{ kind: 'report', report: { at: 'compensated' } }, { kind: 'end' }] };
  }
  const step = stepAt(record, next);
  // At most from now on: a clock may have been ahead when it was set.
  const undoDeadlineMs = Math.min(record.undoDeadlineMs ?? Number.POSITIVE_INFINITY, nowMs + undoPatienceMs);
  const undoing = withStep({ ...record, undoDeadlineMs, waitUntilMs: undefined }, next, {
    state: 'undoing',
    undoAttempts: step.undoAttempts + 1,
    undoStartTimeMs: step.undoStartTimeMs ?? nowMs,
  });
  return { record: undoing, commands: [{ kind: 'undo', step: next }] };
}

function undoOk(shape: SagaShape, record: SagaRecord, step: number, nowMs: number): SagaDecision {
  const undone = withStep({ ...record, undoDeadlineMs: undefined }, step, { state: 'undone', undoEndTimeMs: nowMs });
  return undoNext(shape, undone, nowMs);
}

function undoUnknown(
  retry: RetryPolicy,
  record: SagaRecord,
  input: Extract<SagaInput, { readonly kind: 'undo-unknown' | 'undo-miswired' }>,
): SagaDecision {
  const isLate = record.undoDeadlineMs !== undefined && input.nowMs >= record.undoDeadlineMs;
  if (isLate && input.kind === 'undo-unknown') return park(record, input.step, input.error);
  const noted = withStep(record, input.step, { lastError: textOf(input.error) });
  return wait(noted, input.nowMs + retryDelayMs(retry, stepAt(noted, input.step).undoAttempts, input.jitter));
}

function park(record: SagaRecord, step: number, error: StepError): SagaDecision {
  const parked: SagaRecord = { ...record, state: 'needs-attention', undoDeadlineMs: undefined };
  return {
    record: withStep(parked, step, { state: 'stuck', lastError: textOf(error) }),
    commands: [{ kind: 'report', report: { at: 'needs-attention', step } }, { kind: 'park' }],
  };
}

/** Keeps nothing of what happened, so this much can be written. The wait does not count. */
function holdBack(
  retry: RetryPolicy,
  record: SagaRecord,
  { error, nowMs, jitter }: Extract<SagaInput, { readonly kind: 'held-back' }>,
): SagaDecision {
  const heldBack = record.heldBack + 1;
  const current = record.steps.findIndex(({ state }) => state !== 'done' && state !== 'refused' && state !== 'undone');
  const noted = withStep({ ...record, heldBack }, current, { lastError: textOf(error) });
  return wait(noted, nowMs + retryDelayMs(retry, heldBack, jitter));
}

function requestCancel(record: SagaRecord, error: StepError, nowMs: number): SagaDecision {
  const flagged = { ...record, cancel: record.cancel ?? error };
  // No step is in progress during a wait, so there is none to await.
  if (record.waitUntilMs === undefined) return { record: flagged, commands: [] };
  return wait(flagged, nowMs);
}

/** An attempt before the refused one may still arrive and have its effect late. */
function mayHaveEffect(step: SagaStepView): boolean {
  if (step.state === 'refused') return step.attempts > 1;
  return step.state === 'started' || step.state === 'done' || step.state === 'undoing';
}

function pivotStarted(shape: SagaShape, record: SagaRecord): boolean {
  return shape.steps.some((step, at) => step.pivot === true && record.steps[at]?.state !== 'pending');
}

function pivotDone(shape: SagaShape, record: SagaRecord): boolean {
  return shape.steps.some((step, at) => step.pivot === true && record.steps[at]?.state === 'done');
}

function expectState(record: SagaRecord, step: number, state: SagaStepView['state']): SagaRecord {
  const { name, state: actual } = stepAt(record, step);
  if (actual !== state) throw new Error(`step ${name} is ${actual}, not ${state}: this input does not apply`);
  return record;
}
