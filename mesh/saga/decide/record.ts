import type { SagaFailure, SagaState, SagaStepView } from '../saga.ts';

/** What deciding needs to know of a definition. */
export interface SagaShape {
  readonly steps: readonly {
    readonly name: string;
    readonly pivot?: boolean;
    readonly undo?: unknown;
    readonly timeoutMs?: number;
  }[];
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
  /** How much of its time the saga has used on its way forward. */
  readonly usedMs: number;
  /** Since when `usedMs` grows; undefined while the saga waits for a slot, a process or an operator. */
  readonly countsFromMs: number | undefined;
  /** When the undo under way is given up and parked. */
  readonly undoDeadlineMs: number | undefined;
  /** Set while nothing is under way: when to continue. */
  readonly waitUntilMs: number | undefined;
  /** How many times in a row what happened could not be recorded. */
  readonly heldBack: number;
}

/** A saga of which nothing has been tried. */
export function newRecord(shape: SagaShape, nowMs: number): SagaRecord {
  return {
    state: 'running',
    steps: shape.steps.map((step) => newStep(step.name)),
    failure: undefined,
    cancel: undefined,
    usedMs: 0,
    countsFromMs: undefined,
    undoDeadlineMs: undefined,
    waitUntilMs: nowMs,
    heldBack: 0,
  };
}

/**
 * Reads a stored record. One of before `usedMs` has a deadline by the clock instead, which went on while the saga could
 * not run: its time begins again.
 */
export function recordFromJson(text: string): SagaRecord {
  const stored = JSON.parse(text) as Omit<SagaRecord, 'usedMs' | 'heldBack'> & Partial<SagaRecord>;
  return { ...stored, usedMs: stored.usedMs ?? 0, heldBack: stored.heldBack ?? 0 };
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
