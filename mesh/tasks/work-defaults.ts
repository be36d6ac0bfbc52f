import type { WorkOptions } from './task-queue.ts';

/** What a worker does, with nothing left open. */
export type WorkSettings = Required<WorkOptions> & {
  /** Tries in all, the first included. */
  readonly maxAttempts: number;
};

const defaultRetryDelaysMs = [1_000, 5_000, 30_000, 120_000, 600_000];

/** Fills in the defaults that the contract of the queue names. */
export function withDefaults(options: WorkOptions): WorkSettings {
  const retryDelaysMs = options.retryDelaysMs ?? defaultRetryDelaysMs;
  return {
    concurrency: 10,
    visibilityTimeoutMs: 60_000,
    ...options,
    retryDelaysMs,
    maxAttempts: retryDelaysMs.length + 1,
  };
}
