import type { SagaRecord, SagaShape } from './record.ts';

/** How long one attempt of a step, or of its undo, may take unless it says otherwise. */
export const defaultStepTimeoutMs = 10_000;
const defaultSagaTimeoutMs = 600_000;

/** How long undoing is tried before a person has to look. */
export const undoPatienceMs = 24 * 3_600_000;

/**
 * `record` with what it has used of its time until `nowMs`. Time counts while a step is called and while the saga waits to
 * try one again, each at most as long as it was meant to take: neither a wait for a slot, nor a process that was down, nor a
 * clock that jumped uses up anybody's time.
 */
export function count(shape: SagaShape, record: SagaRecord, nowMs: number): SagaRecord {
  if (record.countsFromMs === undefined) return record;
  const passedMs = Math.max(0, nowMs - record.countsFromMs);
  const usedMs = record.usedMs + Math.min(passedMs, longestMs(shape, record, record.countsFromMs));
  return { ...record, usedMs, countsFromMs: undefined };
}

/** What is left of the time that a saga has to complete; 0 when it is up. */
export function timeLeftMs(shape: SagaShape, record: SagaRecord): number {
  return Math.max(0, (shape.timeoutMs ?? defaultSagaTimeoutMs) - record.usedMs);
}

function longestMs(shape: SagaShape, { steps, waitUntilMs }: SagaRecord, countsFromMs: number): number {
  if (waitUntilMs !== undefined) return Math.max(0, waitUntilMs - countsFromMs);
  const underWay = steps.findIndex(({ state }) => state === 'started');
  return shape.steps[underWay]?.timeoutMs ?? defaultStepTimeoutMs;
}
