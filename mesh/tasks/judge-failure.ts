import { isInfrastructureFault, isMiswired, isRefusal } from '../errors/codes.ts';
import { cutText } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { storableText } from '../storage/sql.ts';
import type { Logger } from '../telemetry/logger.ts';
import { attemptsExhausted } from './errors.ts';
import type { AttemptEnd, Task } from './task-queue.ts';
import type { WorkSettings } from './work-defaults.ts';

/** The consequence of a failed attempt: a later attempt, or a dead letter. */
export type AttemptVerdict =
  | {
      readonly next: 'retry';
      /** The delay as configured, and with jitter, so tasks that failed together are not retried together. */
      readonly stepMs: number;
      readonly delayMs: number;
      /** What the attempt counts as. `nothing`: a dependency failed. */
      readonly counts: 'failure' | 'cut-off' | 'nothing';
      readonly error: string;
    }
  | { readonly next: 'dead-letter'; readonly reason: string; readonly error: string };

export interface AttemptFailed {
  /** The number of the attempt, 1 for the first. */
  readonly attempt: number;
  readonly firstTimeMs: number;
  readonly nowMs: number;
}

/** The error of an attempt whose worker died. */
export const cutOffText = 'attempt was interrupted: its worker died or lost the queue';

const maxErrorBytes = 4_000;
// For a worker without retries: a dependency that is down is no reason for a dead letter.
const waitWithoutStepsMs = 1_000;

/**
 * Whether an attempt failed because of a dependency: a service or server that is down or too slow, or wrong wiring. The
 * task waits as long as that lasts.
 */
export function failedForOthers(error: unknown): boolean {
  return isInfrastructureFault(error) || (error instanceof MeshError && isMiswired(error));
}

/** Whether a failure makes its task a dead letter: a refusal, or no attempts are left. */
export function isFinalFailure(error: unknown, { lastAttempt }: Pick<Task, 'lastAttempt'>): boolean {
  if (error instanceof MeshError && isRefusal(error)) return true;
  return lastAttempt && !failedForOthers(error);
}

/**
 * Judges a failure. A refusal is final. A task whose dependency failed waits about as long as it has waited so far, at
 * most the longest delay, without limit. Any other failure uses up one of the worker's attempts.
 */
export function judgeFailure(
  error: unknown,
  { attempt, firstTimeMs, nowMs }: AttemptFailed,
  settings: WorkSettings,
): AttemptVerdict {
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
 * Judges the `cutOffs`th interrupted attempt of a task: its worker died, because of the task or of something else. A
 * task has more of those than failures, with longer delays, but not without limit.
 */
export function judgeCutOff(cutOffs: number, { retryDelaysMs, maxCutOffs }: WorkSettings): AttemptVerdict {
  if (cutOffs >= maxCutOffs) return { next: 'dead-letter', reason: attemptsExhausted.reason, error: cutOffText };
  const stepMs = retryDelaysMs[cutOffs - 1] ?? retryDelaysMs.at(-1) ?? waitWithoutStepsMs;
  return { next: 'retry', stepMs, delayMs: varied(stepMs), counts: 'cut-off', error: cutOffText };
}

/** Returns how an attempt with this verdict ended. */
export function endOf(verdict: AttemptVerdict): AttemptEnd {
  if (verdict.next === 'dead-letter') return 'dead';
  return verdict.counts === 'nothing' ? 'waiting' : 'failed';
}

/** Logs a failure: as an `error` if only a person can help. */
export function reportFailure(
  logger: Logger,
  error: unknown,
  verdict: AttemptVerdict,
  task: { readonly queue: string; readonly task: string; readonly attempt: number },
): void {
  const fields = { err: error, ...task };
  if (verdict.next === 'dead-letter') {
    logger.error({ ...fields, reason: verdict.reason }, 'task failed permanently and became a dead letter');
    return;
  }
  const waiting = { ...fields, retry_in_ms: verdict.delayMs };
  if (error instanceof MeshError && isMiswired(error)) {
    logger.error(waiting, 'task waits: services are wired wrongly; retrying until that is fixed');
  } else if (verdict.counts !== 'nothing') {
    logger.warn(waiting, 'task failed; retrying');
  } else {
    // The attempt does not count, so its number would stay the same.
    const { attempt: _, ...uncounted } = waiting;
    logger.warn(uncounted, 'task waits: a dependency is unavailable');
  }
}

/** Returns what was thrown as text that can be stored. */
export function errorText(error: unknown): string {
  try {
    const text: unknown = error instanceof Error ? error.message : error;
    return storableText(cutText(String(text), maxErrorBytes));
  } catch {
    return 'a value without text was thrown';
  }
}

function varied(delayMs: number): number {
  return Math.round(delayMs * (0.9 + Math.random() * 0.2));
}
