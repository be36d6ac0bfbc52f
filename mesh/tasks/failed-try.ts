import { isInfrastructureFault, isMiswired, isRefusal } from '../errors/codes.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { storableText } from '../storage/sql.ts';
import type { Logger } from '../telemetry/logger.ts';
import { attemptsExhausted } from './errors.ts';
import type { AttemptEnd, Task } from './task-queue.ts';
import type { WorkSettings } from './work-defaults.ts';

/** What follows from an attempt that failed: another one later, or a dead letter. */
export type Verdict =
  | {
      readonly next: 'retry';
      /** The wait, as it was asked for, and as it is: varied, so that what failed together does not come back together. */
      readonly stepMs: number;
      readonly delayMs: number;
      /** What the attempt counts as. It counts as nothing when it failed for something that the task depends on. */
      readonly counts: 'failure' | 'cut-off' | 'nothing';
      readonly error: string;
    }
  | { readonly next: 'dead-letter'; readonly reason: string; readonly error: string };

/** How far a task has come that failed. */
export interface Failed {
  /** The number of the attempt, 1 for the first. */
  readonly attempt: number;
  readonly firstTimeMs: number;
  readonly nowMs: number;
}

/** What is known of an attempt whose worker died. */
export const cutOffText = 'the attempt was cut off before it had an outcome: its worker died, or lost the queue';

const maxErrorLength = 4_000;
// For a worker that asks for no other attempts: what is down is not a reason to give up.
const waitWithoutStepsMs = 1_000;

/**
 * Whether an attempt failed for something that the task depends on: a service or server that is down or too slow, or an
 * installation that is wired wrongly. The task waits as long as that lasts.
 */
export function failedForOthers(error: unknown): boolean {
  return isInfrastructureFault(error) || (error instanceof MeshError && isMiswired(error));
}

/** Whether a failure ends its task: the business refuses, or the task has no attempt left. */
export function isFinalFailure(error: unknown, { lastAttempt }: Pick<Task, 'lastAttempt'>): boolean {
  if (error instanceof MeshError && isRefusal(error)) return true;
  return lastAttempt && !failedForOthers(error);
}

/**
 * Judges a failure. A refusal of the business is final. What fails for others waits about as long as it has waited so far,
 * at most the longest delay, without an end. Anything else has the attempts that the worker allows.
 */
export function judgeFailure(error: unknown, { attempt, firstTimeMs, nowMs }: Failed, settings: WorkSettings): Verdict {
  const { retryDelaysMs } = settings;
  const text = errorText(error);
  if (failedForOthers(error)) {
    const ageMs = nowMs - firstTimeMs;
    const stepMs = retryDelaysMs.find((delayMs) => delayMs >= ageMs) ?? retryDelaysMs.at(-1) ?? waitWithoutStepsMs;
    return { next: 'retry', stepMs, delayMs: varied(stepMs), counts: 'nothing', error: text };
  }
  if (error instanceof MeshError && isRefusal(error)) return { next: 'dead-letter', reason: error.reason, error: text };
  const stepMs = retryDelaysMs[attempt - 1];
  if (stepMs === undefined) return { next: 'dead-letter', reason: attemptsExhausted.reason, error: text };
  return { next: 'retry', stepMs, delayMs: varied(stepMs), counts: 'failure', error: text };
}

/**
 * Judges the `cutOffs`th attempt of a task that ended without an outcome: its worker died, because of the task or of
 * something else. It has more of those than failures of its own, at the longer waits, but not without an end.
 */
export function judgeCutOff(cutOffs: number, { retryDelaysMs, maxCutOffs }: WorkSettings): Verdict {
  if (cutOffs >= maxCutOffs) return { next: 'dead-letter', reason: attemptsExhausted.reason, error: cutOffText };
  const stepMs = retryDelaysMs[cutOffs - 1] ?? retryDelaysMs.at(-1) ?? waitWithoutStepsMs;
  return { next: 'retry', stepMs, delayMs: varied(stepMs), counts: 'cut-off', error: cutOffText };
}

/** How an attempt with this verdict ended. */
export function endOf(verdict: Verdict): AttemptEnd {
  if (verdict.next === 'dead-letter') return 'dead';
  return verdict.counts === 'nothing' ? 'waiting' : 'failed';
}

/** Writes down what follows from a failure: an `error` where only a person can help. */
export function reportFailure(
  logger: Logger,
  error: unknown,
  verdict: Verdict,
  task: { readonly queue: string; readonly task: string; readonly attempt: number },
): void {
  const fields = { err: error, ...task };
  if (verdict.next === 'dead-letter') {
    logger.error({ ...fields, reason: verdict.reason }, 'a task failed for good and is a dead letter now');
    return;
  }
  const waiting = { ...fields, retry_in_ms: verdict.delayMs };
  if (error instanceof MeshError && isMiswired(error)) {
    logger.error(
      waiting,
      'a task cannot be done: this installation is set up wrongly; it is retried until that is fixed',
    );
  } else if (verdict.counts !== 'nothing') {
    logger.warn(waiting, 'a task failed and is tried again');
  } else {
    logger.warn(waiting, 'a task waits: something that it depends on is not available');
  }
}

/** What was thrown, as text that fits a record, whatever it is. */
export function errorText(error: unknown): string {
  try {
    const text: unknown = error instanceof Error ? error.message : error;
    return storableText(String(text).slice(0, maxErrorLength));
  } catch {
    return 'something was thrown that has no text';
  }
}

function varied(delayMs: number): number {
  return Math.round(delayMs * (0.9 + Math.random() * 0.2));
}
