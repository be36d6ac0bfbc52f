import type { DeadLetterQueue } from '../dead-letters/dead-letters.ts';
import type { DamageSearch } from '../storage/damage-search.ts';

export interface NewTask {
  /** The sender's id for it. A queue does not accept an id again while it holds it. */
  readonly id: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A task as its worker gets it. */
export interface Task extends NewTask {
  readonly queue: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Whether no attempt is left after this one. */
  readonly lastAttempt: boolean;
}

/** How an attempt ended: `failed` is retried, `waiting` waits for a dependency, `dead` is a dead letter. */
export type AttemptEnd = 'done' | 'failed' | 'waiting' | 'dead';

export interface WorkOptions {
  readonly queue: string;
  /** Maximum tasks in progress. Default: 10. */
  readonly concurrency?: number;
  /** The delays before the second, third, ... attempt. Default: 1 s, 5 s, 30 s, 2 min, 10 min, so six attempts in all. */
  readonly retryDelaysMs?: readonly number[];
  /** How long a task is hidden from other workers. Renewed while its worker lives. Default: 60 s. */
  readonly visibilityTimeoutMs?: number;
  /**
   * Resolves when the work is done; only then is the task removed. A rejection is a failed attempt. A refusal
   * (INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND, ...) makes the task a dead letter immediately. An error that
   * shows an unavailable or wrongly wired dependency (UNAVAILABLE, PERMISSION_DENIED, ...) does not count as an
   * attempt: the task is retried as long as that lasts, with at most the longest delay.
   */
  readonly handle: (task: Task, signal: AbortSignal) => Promise<void>;
  /** Called when the end of an attempt is recorded, even of an interrupted one. Must not throw. */
  readonly onEnd?: (end: AttemptEnd) => void;
}

/** How many tasks a queue has. */
export interface TaskCounts {
  /** Those that a worker may take now. */
  readonly ready: number;
  /** Those that a worker has. On RabbitMQ: a worker of this process. */
  readonly running: number;
  /** Those that wait for their next attempt. On RabbitMQ: after an attempt of this process. */
  readonly delayed: number;
}

/** A running worker. */
export interface TaskWorker {
  /**
   * Takes no more tasks and waits for those in progress, at most `graceMs`. Default: 10 s. Then it aborts them, and
   * another worker gets them later. Takes less than a second longer, even if the queue hangs.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Queues with competing consumers: each task is given to one worker at a time, at least once. A failed task is retried
 * with growing delays and then becomes a dead letter. While the queue is unavailable, calls reject with UNAVAILABLE
 * `TASKS_UNAVAILABLE`. A task that can never be queued is refused with INVALID_ARGUMENT `TASK_REFUSED`.
 */
export interface TaskQueue {
  /** Resolves when the tasks are durable. */
  enqueue(queue: string, tasks: readonly NewTask[]): Promise<void>;
  work(options: WorkOptions): Promise<TaskWorker>;
  /** Returns the number of tasks that wait or are in progress. */
  depth(queue: string): Promise<number>;
  /** Counts them by what they wait for. Their sum is the depth, but not always of one moment. */
  count(queue: string): Promise<TaskCounts>;
  /** Returns how long the longest waiting task has been due; 0 if none waits. Missing if the queue does not know. */
  overdueMs?(queue: string): Promise<number>;
  readonly deadLetters: DeadLetterQueue;
  /** Whether this process has used the dead letters, whose database is opened on first use. Missing: they are always open. */
  hasOpenDeadLetters?(): boolean;
  /**
   * Lets `check` connect a queue that the first use would, for a process that only sends tasks. Missing: the queue is always
   * connected.
   */
  expectUse?(): void;
  /** Rejects while tasks cannot be queued or worked on. */
  check(): Promise<void>;
  /** Compares stored data with its checksums. Only if this process alone is responsible for the files. */
  readonly searchDamage?: DamageSearch;
  close(): Promise<void>;
}
