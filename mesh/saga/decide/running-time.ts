import { type SagaRecord, type SagaShape, timeoutMsOf } from './record.ts';

/** How long one attempt of a step, or of its undo, may take by default. */
export const defaultStepTimeoutMs = 10_000;

/** How long an undo is retried before it needs an operator. */
export const undoPatienceMs = 24 * 3_600_000;

/**
 * Returns `record` with the time that it has used until `nowMs`. Time counts while a step is called and while the saga waits
 * for the next attempt, each at most as long as it was meant to take: a wait for a slot, downtime and a jump of the clock do
 * not count.
 */
export function count(shape: SagaShape, record: SagaRecord, nowMs: number): SagaRecord {
  if (record.countsFromMs === undefined) return record;
  const passedMs = Math.max(0, nowMs - record.countsFromMs);
  const usedMs = record.usedMs + Math.min(passedMs, longestMs(shape, record, record.countsFromMs));
  return { ...record, usedMs, countsFromMs: undefined };
}

/** Returns the time that a saga has left to complete; 0 if it is up. */
export function timeLeftMs(shape: SagaShape, record: SagaRecord): number {
  return Math.max(0, timeoutMsOf(shape) - record.usedMs);
}

function longestMs(shape: SagaShape, { steps, waitUntilMs }: SagaRecord, countsFromMs: number): number {
  if (waitUntilMs !== undefined) return Math.max(0, waitUntilMs - countsFromMs);
  const underWay = steps.findIndex(({ state }) => state === 'started');
  return shape.steps[underWay]?.timeoutMs ?? defaultStepTimeoutMs;
}
