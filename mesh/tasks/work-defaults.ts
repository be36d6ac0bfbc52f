import type { WorkOptions } from './task-queue.ts';

/** The options of a worker with all defaults set. */
export type WorkSettings = Required<WorkOptions> & {
  /** Maximum attempts, including the first. */
  readonly maxAttempts: number;
  /** The number of interrupted attempts that makes a task a dead letter. */
  readonly maxCutOffs: number;
};

/** All tasks in progress lose an attempt when a process dies, so a task has three times as many of those. */
const cutOffsPerAttempt = 3;

const defaultRetryDelaysMs = [1_000, 5_000, 30_000, 120_000, 600_000];

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
