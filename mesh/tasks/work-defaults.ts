import type { WorkOptions } from './task-queue.ts';

/** What a worker does, with nothing left open. */
export type WorkSettings = Required<WorkOptions> & {
  /** Tries in all, the first included. */
  readonly maxAttempts: number;
  /** The attempt without an outcome that ends a task. */
  readonly maxCutOffs: number;
};

/** Also what else was in hand when a process died loses its attempt: a task has three times as many of those. */
const cutOffsPerAttempt = 3;

const defaultRetryDelaysMs = [1_000, 5_000, 30_000, 120_000, 600_000];

/** Fills in the defaults that the contract of the queue names. */
export function withDefaults(options: WorkOptions): WorkSettings {
  const retryDelaysMs = options.retryDelaysMs ?? defaultRetryDelaysMs;
  const maxAttempts = retryDelaysMs.length + 1;
  return {
    concurrency: 10,
    visibilityTimeoutMs: 60_000,
    onEnd: () => undefined,
    ...options,
    retryDelaysMs,
    maxAttempts,
    maxCutOffs: cutOffsPerAttempt * maxAttempts,
  };
}
