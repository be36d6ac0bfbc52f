import type { SagaFailure, SagaState, SagaStepView } from './saga.ts';

/** What deciding needs to know of a definition. */
export interface SagaShape {
  readonly steps: readonly { readonly name: string; readonly pivot?: boolean; readonly undo?: unknown }[];
  readonly timeoutMs?: number;
}

/** What an attempt that did not succeed said. */
export interface StepError {
  readonly reason: string;
  readonly message: string;
}

/** Where a saga stands: plain JSON, all that `decide` knows. At most one step is `started`, `undoing` or `stuck`. */
export interface SagaRecord {
  readonly state: SagaState;
  readonly steps: readonly SagaStepView[];
  readonly failure: SagaFailure | undefined;
  /** A cancel that was asked for and not acted on yet. */
  readonly cancel: StepError | undefined;
  /** When the saga's time is up. */
  readonly deadlineMs: number;
  /** When the undo under way is given up and parked. */
  readonly undoDeadlineMs: number | undefined;
  /** Set while nothing is under way: when to go on. */
  readonly waitUntilMs: number | undefined;
}

const defaultTimeoutMs = 600_000;

/** A saga of which nothing has been tried. */
export function newRecord(shape: SagaShape, nowMs: number): SagaRecord {
  return {
    state: 'running',
    steps: shape.steps.map((step) => newStep(step.name)),
    failure: undefined,
    cancel: undefined,
    deadlineMs: nowMs + (shape.timeoutMs ?? defaultTimeoutMs),
    undoDeadlineMs: undefined,
    waitUntilMs: nowMs,
  };
}

function newStep(name: string): SagaStepView {
  return {
    name,
    state: 'pending',
    attempts: 0,
    startTimeMs: undefined,
    endTimeMs: undefined,
    lastError: '',
    undoAttempts: 0,
    undoStartTimeMs: undefined,
    undoEndTimeMs: undefined,
  };
}

/** `record` with step `index` changed. */
export function withStep(record: SagaRecord, index: number, change: Partial<SagaStepView>): SagaRecord {
  return { ...record, steps: record.steps.map((step, at) => (at === index ? { ...step, ...change } : step)) };
}

/** The step at `index`, which has to exist. */
export function stepAt(record: SagaRecord, index: number): SagaStepView {
  const step = record.steps[index];
  if (!step) throw new Error(`a saga of ${record.steps.length} steps has no step ${index}`);
  return step;
}
