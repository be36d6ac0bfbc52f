import { type SagaRecord, type SagaShape, type StepError, stepAt, withStep } from './record.ts';
import { type RetryPolicy, retryDelayMs } from './retry-delay.ts';
import type { SagaFailure, SagaStepView } from './saga.ts';

/** What happened. `resumed`: a wait is over, or an earlier driver died and what it did last is in doubt. */
export type SagaEvent =
  | { readonly kind: 'resumed' | 'retry' }
  | { readonly kind: 'step-ok' | 'undo-ok'; readonly step: number }
  | { readonly kind: 'step-refused' | 'step-unknown'; readonly step: number; readonly error: StepError }
  | { readonly kind: 'undo-refused' | 'undo-unknown'; readonly step: number; readonly error: StepError }
  | { readonly kind: 'cancel-requested'; readonly error: StepError }
  | { readonly kind: 'resolve'; readonly step: number };

/** What happened, and when. `jitter` (about 1) scales the next wait. */
export type SagaInput = SagaEvent & { readonly nowMs: number; readonly jitter: number };

/** What is to be told to the owner of what the saga is about. */
export type SagaReport =
  | { readonly at: 'step-done' | 'needs-attention'; readonly step: number }
  | { readonly at: 'compensating' | 'completed' | 'compensated' };

/** A call of a step's `run` or `undo`. */
export interface StepCall {
  readonly kind: 'run' | 'undo';
  readonly step: number;
}

/** What is to be done: reports with the record, in one transaction; then exactly one of the others, or nothing. */
export type SagaCommand =
  | { readonly kind: 'report'; readonly report: SagaReport }
  | StepCall
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'park' | 'end' };

/** Where the saga stands then, and what is to be done. */
export interface SagaDecision {
  readonly record: SagaRecord;
  readonly commands: readonly SagaCommand[];
}

/** How long undoing is tried before a person has to look. */
export const undoPatienceMs = 24 * 3_600_000;

/** Decides what follows from `input`. Pure: the same arguments give the same decision. */
export function decide(shape: SagaShape, retry: RetryPolicy, record: SagaRecord, input: SagaInput): SagaDecision {
  switch (input.kind) {
    case 'resumed':
      return record.state === 'running' ? goForward(shape, record, input.nowMs) : undoNext(shape, record, input.nowMs);
    case 'step-ok':
      return stepOk(shape, expectState(record, input.step, 'started'), input.step, input.nowMs);
    case 'step-refused':
      return stepRefused(shape, expectState(record, input.step, 'started'), input.step, input.error, input.nowMs);
    case 'step-unknown':
      return stepUnknown(shape, retry, expectState(record, input.step, 'started'), input);
    case 'undo-ok':
      return undoOk(shape, expectState(record, input.step, 'undoing'), input.step, input.nowMs);
    case 'undo-refused':
      return park(expectState(record, input.step, 'undoing'), input.step, input.error);
    case 'undo-unknown':
      return undoUnknown(retry, expectState(record, input.step, 'undoing'), input);
    case 'cancel-requested':
      return requestCancel(record, input.error, input.nowMs);
    case 'retry':
      return retryStuck(record, input.nowMs);
    case 'resolve':
      return resolveStuck(expectState(record, input.step, 'stuck'), input.step, input.nowMs);
  }
}

/** The step to be called, if it is one. */
export function isCall(command: SagaCommand): command is StepCall {
  return command.kind === 'run' || command.kind === 'undo';
}

/** What is to be told with a decision. */
export function reportsOf(commands: readonly SagaCommand[]): SagaReport[] {
  return commands.filter((command) => command.kind === 'report').map((command) => command.report);
}

/** Whether a cancel makes a saga turn back, or finds it turning back already. */
export function acceptsCancel(shape: SagaShape, record: SagaRecord): boolean {
  if (record.state === 'needs-attention') return !record.steps.some(isStuckForward);
  return record.state === 'compensating' || (record.state === 'running' && !pivotStarted(shape, record));
}

/** Whether a step is stuck on its way forward: refused after the pivot. */
export function isStuckForward(step: SagaStepView): boolean {
  return step.state === 'stuck' && step.undoAttempts === 0;
}

function goForward(shape: SagaShape, record: SagaRecord, nowMs: number): SagaDecision {
  const next = record.steps.findIndex((step) => step.state !== 'done');
  const failure = reasonToTurnBack(shape, record, nowMs);
  // A cancel that was accepted holds even when the last step is done; time that is up does not matter any more then.
  if (failure && (next !== -1 || failure.cancelled)) return turnBack(shape, record, failure, nowMs);
  if (next === -1) return complete(record);
  const step = stepAt(record, next);
  const started = withStep({ ...record, waitUntilMs: undefined }, next, {
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
  return turnBack(shape, refused, cancelFailure(record) ?? { ...error, cancelled: false }, nowMs);
}

function stepUnknown(
  shape: SagaShape,
  retry: RetryPolicy,
  record: SagaRecord,
  input: SagaInput & { readonly step: number; readonly error: StepError },
): SagaDecision {
  const noted = withStep(record, input.step, { lastError: textOf(input.error) });
  const failure = reasonToTurnBack(shape, noted, input.nowMs);
  if (failure) return turnBack(shape, noted, failure, input.nowMs);
  const backAtMs = input.nowMs + retryDelayMs(retry, stepAt(noted, input.step).attempts, input.jitter);
  return wait(noted, pivotStarted(shape, noted) ? backAtMs : Math.min(backAtMs, noted.deadlineMs));
}

/** Why the saga is not to go on, while it may still turn back. */
function reasonToTurnBack(shape: SagaShape, record: SagaRecord, nowMs: number): SagaFailure | undefined {
  if (pivotStarted(shape, record)) return undefined;
  if (record.cancel) return cancelFailure(record);
  if (nowMs < record.deadlineMs) return undefined;
  const lastError = record.steps.findLast((step) => step.lastError !== '')?.lastError ?? 'none';
  const message = `the saga was not complete when its time was up; last error: ${lastError}`;
  return { reason: 'SAGA_TIMED_OUT', message, cancelled: false };
}

function cancelFailure(record: SagaRecord): SagaFailure | undefined {
  return record.cancel && { ...record.cancel, cancelled: true };
}

function turnBack(shape: SagaShape, record: SagaRecord, failure: SagaFailure, nowMs: number): SagaDecision {
  const turned: SagaRecord = { ...record, state: 'compensating', failure, cancel: undefined };
  return reporting({ at: 'compensating' }, undoNext(shape, turned, nowMs));
}

function undoNext(shape: SagaShape, record: SagaRecord, nowMs: number): SagaDecision {
  const next = record.steps.findLastIndex((step, at) => mayHaveEffect(step) && shape.steps[at]?.undo !== undefined);
  if (next === -1) {
    const compensated: SagaRecord = { ...record, state: 'compensated', waitUntilMs: undefined };
    return { record: compensated, commands: [{ kind: 'report', report: { at: 'compensated' } }, { kind: 'end' }] };
  }
  const step = stepAt(record, next);
  const undoDeadlineMs = record.undoDeadlineMs ?? nowMs + undoPatienceMs;
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
  input: SagaInput & { readonly step: number; readonly error: StepError },
): SagaDecision {
  if (record.undoDeadlineMs !== undefined && input.nowMs >= record.undoDeadlineMs) {
    return park(record, input.step, input.error);
  }
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

function requestCancel(record: SagaRecord, error: StepError, nowMs: number): SagaDecision {
  const flagged = { ...record, cancel: record.cancel ?? error };
  // Nothing is under way during a wait, so nothing has to be awaited either.
  return record.waitUntilMs === undefined ? { record: flagged, commands: [] } : wait(flagged, nowMs);
}

function retryStuck(record: SagaRecord, nowMs: number): SagaDecision {
  const stuck = record.steps.findIndex((step) => step.state === 'stuck');
  const forward = isStuckForward(stepAt(record, stuck));
  return unpark(withStep(record, stuck, { state: forward ? 'started' : 'undoing' }), forward, nowMs);
}

function resolveStuck(record: SagaRecord, step: number, nowMs: number): SagaDecision {
  const forward = isStuckForward(stepAt(record, step));
  const end: Partial<SagaStepView> = forward
    ? { state: 'done', endTimeMs: nowMs }
    : { state: 'undone', undoEndTimeMs: nowMs };
  return unpark(withStep(record, step, end), forward, nowMs);
}

function unpark(record: SagaRecord, forward: boolean, nowMs: number): SagaDecision {
  if (forward) return wait({ ...record, state: 'running', failure: undefined }, nowMs);
  return reporting({ at: 'compensating' }, wait({ ...record, state: 'compensating' }, nowMs));
}

function wait(record: SagaRecord, untilMs: number): SagaDecision {
  return { record: { ...record, waitUntilMs: untilMs }, commands: [{ kind: 'wait', untilMs }] };
}

function reporting(report: SagaReport, decision: SagaDecision): SagaDecision {
  return { ...decision, commands: [{ kind: 'report', report }, ...decision.commands] };
}

/** A try before the one that was refused may still be on its way and have its effect late. */
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

function textOf(error: StepError): string {
  return `${error.reason}: ${error.message}`;
}

function expectState(record: SagaRecord, step: number, state: SagaStepView['state']): SagaRecord {
  const { name, state: actual } = stepAt(record, step);
  if (actual !== state) throw new Error(`step ${name} is ${actual}, not ${state}: this input does not belong here`);
  return record;
}
