import type { RequestIds, SagaFailure } from '../saga.ts';

export type SagaState = 'running' | 'completed' | 'compensating' | 'compensated' | 'needs-attention';
export type SagaStepState = 'pending' | 'started' | 'done' | 'refused' | 'undoing' | 'undone' | 'stuck';

/** The current state of a step. Times are in milliseconds since the epoch. */
export interface SagaStepView {
  readonly name: string;
  readonly state: SagaStepState;
  readonly attempts: number;
  readonly startTimeMs: number | undefined;
  readonly endTimeMs: number | undefined;
  readonly lastError: string;
  readonly undoAttempts: number;
  readonly undoStartTimeMs: number | undefined;
  readonly undoEndTimeMs: number | undefined;
}

/** What deciding needs to know of a definition. */
export interface SagaShape {
  readonly steps: readonly {
    readonly name: string;
    readonly pivot?: boolean;
    readonly undo?: unknown;
    readonly timeoutMs?: number;
  }[];
  readonly timeoutMs?: number;
  readonly requestIds?: RequestIds;
}

/** Why an attempt failed. */
export interface StepError {
  readonly reason: string;
  readonly message: string;
}

/** The current state of a saga, as plain JSON: all that `decide` knows. At most one step is `started`, `undoing` or `stuck`. */
export interface SagaRecord {
  readonly state: SagaState;
  readonly steps: readonly SagaStepView[];
  /** How the request ids of its steps are made; undefined: `hashed`. */
  readonly requestIds?: RequestIds;
  readonly failure: SagaFailure | undefined;
  /** A cancel that was requested and has not been acted on yet. */
  readonly cancel: StepError | undefined;
  /** How much of its time limit the saga has used. */
  readonly usedMs: number;
  /** Since when `usedMs` grows; undefined while the saga waits for a slot, a process or an operator. */
  readonly countsFromMs: number | undefined;
  /** When an operator has to look at the undo in progress. */
  readonly undoDeadlineMs: number | undefined;
  /** When to continue, while no step is in progress. */
  readonly waitUntilMs: number | undefined;
  /** How many times in a row progress could not be written. */
  readonly heldBack: number;
  /**
   * When the time is up for commit 07fd688, which counts it by the clock. Written so that the way back to it stays open, and
   * not read here: the next release leaves it out.
   */
  readonly deadlineMs?: number;
}

const defaultTimeoutMs = 600_000;

/** Returns how long a saga may take. */
export function timeoutMsOf({ timeoutMs = defaultTimeoutMs }: SagaShape): number {
  return timeoutMs;
}

/** The record of a saga that has just begun. */
export function newRecord(shape: SagaShape, nowMs: number): SagaRecord {
  return {
    state: 'running',
    steps: shape.steps.map((step) => newStep(step.name)),
    ...(shape.requestIds && { requestIds: shape.requestIds }),
    failure: undefined,
    cancel: undefined,
    usedMs: 0,
    countsFromMs: undefined,
    undoDeadlineMs: undefined,
    waitUntilMs: nowMs,
    heldBack: 0,
    deadlineMs: nowMs + timeoutMsOf(shape),
  };
}

/**
 * Reads a stored record. Records of earlier versions have a deadline by the clock instead of `usedMs`, which passed even
 * while the saga could not run: their time starts again.
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

export function stepAt(record: SagaRecord, index: number): SagaStepView {
  const step = record.steps[index];
  if (!step) throw new Error(`a saga of ${record.steps.length} steps has no step ${index}`);
  return step;
}
