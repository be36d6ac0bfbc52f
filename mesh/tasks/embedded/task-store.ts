import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../dead-letters/store.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import type { NewTask } from '../task-queue.ts';
import {
  bringForward,
  countByQueue,
  countTasks,
  deleteTask,
  endAllLeases,
  giveBack,
  insertTask,
  type LeasedTask,
  largestSeq,
  leaseDue,
  nextDueTimeMs,
  postpone,
  renewLease,
} from './task-table.ts';

/** What a claim brought, and, when that is less than was asked for, when the next task falls due. */
export interface Claim {
  /** How many were due further ahead than any delay, and are due now. */
  readonly broughtForward: number;
  readonly tasks: readonly LeasedTask[];
  readonly nextDueTimeMs: number | undefined;
}

/** What a worker takes. */
export interface ClaimOptions {
  readonly limit: number;
  readonly visibilityTimeoutMs: number;
  /** No task waits longer, unless a clock was wrong. */
  readonly longestDelayMs: number;
}

/** How a task is tried again: when, whether this attempt counts, and what it failed with. */
export interface Retry {
  readonly delayMs: number;
  readonly counts: boolean;
  readonly error: string;
}

/** Queues in a database. What is done under a lease that is another's by now changes nothing. */
export interface TaskStore {
  /** The time that due times and leases go by: the machine's at the start, then what has passed. Nobody can set it. */
  now(): number;
  add(queue: string, tasks: readonly NewTask[]): Promise<void>;
  claim(queue: string, claim: ClaimOptions): Promise<Claim>;
  /** False when the lease was lost. */
  renew(task: LeasedTask, visibilityTimeoutMs: number): Promise<boolean>;
  complete(task: LeasedTask): Promise<void>;
  retryLater(queue: string, task: LeasedTask, retry: Retry): Promise<void>;
  bury(queue: string, task: LeasedTask, verdict: { readonly reason: string; readonly error: string }): Promise<void>;
  giveBack(queue: string, task: LeasedTask): Promise<void>;
  depth(queue: string): Promise<number>;
  /** How long the task has been due that has waited longest for somebody to take it; 0 when none waits. */
  overdueMs(queue: string): Promise<number>;
  /** The depth of each queue that is not empty. */
  depths(): Promise<Readonly<Record<string, number>>>;
  readonly deadLetters: DeadLetterQueue;
}

/**
 * Frees what an earlier process had in hand. `notify` is told, after the commit, of each queue in
 * which a task may be taken now or at a time that was not known before.
 */
export async function createTaskStore(
  storage: Storage,
  clock: Clock,
  notify: (queue: string) => void,
): Promise<TaskStore> {
  const letters = await createDeadLetterStore(storage, { clock });
  const startMs = clock.now() - clock.elapsedMs();
  const now = () => Math.floor(startMs + clock.elapsedMs());
  await storage.transaction((tx) => endAllLeases(tx, now()));
  let lastSeq = await largestSeq(storage);
  const add = (tx: Transaction, queue: string, task: NewTask) => {
    lastSeq += 1n;
    return insertTask(tx, lastSeq, queue, task, now());
  };
  return {
    now,
    add: (queue, tasks) =>
      storage.transaction(async (tx) => {
        for (const task of tasks) await add(tx, queue, task);
        tx.afterCommit(() => notify(queue));
      }),
    claim: (queue, { limit, visibilityTimeoutMs, longestDelayMs }) =>
      storage.transaction(async (tx) => {
        const nowMs = now();
        const leaseEndMs = nowMs + visibilityTimeoutMs;
        const broughtForward = await bringForward(tx, queue, { nowMs, leaseEndMs, farthestMs: nowMs + longestDelayMs });
        const tasks = await leaseDue(tx, queue, { limit, nowMs, leaseEndMs });
        return {
          tasks,
          nextDueTimeMs: tasks.length < limit ? await nextDueTimeMs(tx, queue) : undefined,
          broughtForward,
        };
      }),
    renew: (task, visibilityTimeoutMs) => renewLease(storage, task, now() + visibilityTimeoutMs),
    complete: (task) => storage.transaction(async (tx) => void (await deleteTask(tx, task))),
    retryLater: (queue, task, { delayMs, counts, error }) =>
      storage.transaction(async (tx) => {
        await postpone(tx, task, { dueMs: now() + delayMs, counts, error });
        tx.afterCommit(() => notify(queue));
      }),
    bury: (queue, task, { reason, error }) =>
      storage.transaction(async (tx) => {
        if (!(await deleteTask(tx, task))) return;
        const { id: subjectId, payload, headers, attempt: attempts, firstTimeMs } = task;
        const letter = { source: 'task', origin: queue, subjectId, payload, headers, attempts, firstTimeMs } as const;
        await letters.add(tx, { ...letter, reason, error, lastTimeMs: clock.now() });
      }),
    giveBack: (queue, task) =>
      storage.transaction(async (tx) => {
        await giveBack(tx, task, now());
        tx.afterCommit(() => notify(queue));
      }),
    depth: (queue) => countTasks(storage, queue),
    overdueMs: async (queue) => {
      const dueMs = await nextDueTimeMs(storage, queue);
      return dueMs === undefined ? 0 : Math.max(0, now() - dueMs);
    },
    depths: () => countByQueue(storage),
    deadLetters: letters.queue('task', async ({ origin, subjectId, payload, headers }) => async (tx) => {
      await add(tx, origin, { id: subjectId, payload, headers });
      tx.afterCommit(() => notify(origin));
    }),
  };
}
