import type { DeadLetterQueue } from '../dead-letters/dead-letters.ts';
import type { DamageSearch } from '../storage/damage-search.ts';

/** A piece of work for one worker. */
export interface NewTask {
  /** The sender's id for it. A queue that still holds this id does not take it twice. */
  readonly id: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A task handed to a worker. */
export interface Task extends NewTask {
  readonly queue: string;
  /** 1 at the first try. */
  readonly attempt: number;
  /** Whether a failure of its own now ends it: no attempt is left after this one. */
  readonly lastAttempt: boolean;
}

/** How an attempt ended: `failed` is retried, `waiting` waits for something else, `dead` is a dead letter. */
export type AttemptEnd = 'done' | 'failed' | 'waiting' | 'dead';

export interface WorkOptions {
  readonly queue: string;
  /** How many tasks this worker has in hand at most. Default 10. */
  readonly concurrency?: number;
  /** The waits before the second, third, ... try. Default 1 s, 5 s, 30 s, 2 min, 10 min: six tries in all. */
  readonly retryDelaysMs?: readonly number[];
  /** How long a task stays hidden from others while it is worked on. Default 60 s. Renewed while the worker lives. */
  readonly visibilityTimeoutMs?: number;
  /**
   * Does the work and resolves; only then is the task removed. A rejection is a failed attempt. One with a MeshError of the
   * business (INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND, ...) is the last. One that says that something else is away,
   * too slow or wired wrongly (UNAVAILABLE, PERMISSION_DENIED, ...) does not count: the task waits as long as that lasts, up
   * to the longest delay between two attempts.
   */
  readonly handle: (task: Task, signal: AbortSignal) => Promise<void>;
  /** Called when the end of an attempt is recorded, also of one that was cut off. Must not throw. */
  readonly onEnd?: (end: AttemptEnd) => void;
}

/** A worker at work. */
export interface TaskWorker {
  /**
   * Takes no more tasks and waits for those in hand, `graceMs` at most, default 10 s; then it aborts them, and they are
   * handed to another worker later. Takes less than a second more, even if the queue hangs.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Queues with competing consumers: each task goes to one worker at a time, at least once. What fails is tried again with
 * growing delays and then lies in the dead letters. An unreachable queue rejects with UNAVAILABLE `TASKS_UNAVAILABLE`; a
 * task that it never takes, with INVALID_ARGUMENT `TASK_REFUSED`.
 */
export interface TaskQueue {
  /** Resolves when the tasks are durable. */
  enqueue(queue: string, tasks: readonly NewTask[]): Promise<void>;
  work(options: WorkOptions): Promise<TaskWorker>;
  /** How many tasks wait or are being worked on. */
  depth(queue: string): Promise<number>;
  /** How long the task has been due that has waited longest, 0 when none waits; only where the queue knows it. */
  overdueMs?(queue: string): Promise<number>;
  readonly deadLetters: DeadLetterQueue;
  /** Fails while tasks cannot be sent or worked on: the queue is away, or takes none now. */
  check(): Promise<void>;
  /** Compares all that is stored with its checksums; only where this process alone is responsible for the files. */
  readonly searchDamage?: DamageSearch;
  close(): Promise<void>;
}
