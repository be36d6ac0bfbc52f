import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../dead-letters/store.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { NewTask, TaskCounts } from '../task-queue.ts';
import { insertLeased, insertTask } from './insert-task.ts';
import { countByQueue, countDue, countLeased, countTasks } from './task-counts.ts';
import {
  bringForward,
  deleteTask,
  endAllLeases,
  type LeasedTask,
  largestSeq,
  leaseDue,
  nextDueTimeMs,
  postpone,
  renewLease,
  returnToQueue,
} from './task-table.ts';

/** The claimed tasks and, if they are fewer than requested, when the next one is due. */
export interface Claim {
  /** The number of tasks that were due later than any delay and are due now. */
  readonly broughtForward: number;
  readonly tasks: readonly LeasedTask[];
  readonly nextDueTimeMs: number | undefined;
}

export interface ClaimOptions {
  readonly limit: number;
  readonly visibilityTimeoutMs: number;
  /** The longest possible delay. A task that is due later was written by a wrong clock. */
  readonly longestDelayMs: number;
}

/** When a task is retried, whether the attempt counts, and its error. */
export interface Retry {
  readonly delayMs: number;
  readonly counts: boolean;
  readonly error: string;
}

/** Room that a worker has reserved for tasks as they are added, so they need not be read back. */
export interface Seats {
  readonly count: number;
  readonly visibilityTimeoutMs: number;
  /** Begins these tasks and frees the other seats. To be called once. */
  fill(tasks: readonly LeasedTask[]): void;
}

/** Queues in a database. A change under a lost lease has no effect. */
export interface TaskStore {
  /** The time of due times and leases: the machine's at the start, plus elapsed time. It cannot be set back. */
  now(): number;
  /** Resolves when the tasks are durable. The first ones take the seats, which are then filled, whatever happens. */
  add(queue: string, tasks: readonly NewTask[], seats?: Seats): Promise<void>;
  claim(queue: string, claim: ClaimOptions): Promise<Claim>;
  /** Returns false if the lease was lost. */
  renew(task: LeasedTask, visibilityTimeoutMs: number): Promise<boolean>;
  complete(task: LeasedTask): Promise<void>;
  retryLater(queue: string, task: LeasedTask, retry: Retry): Promise<void>;
  deadLetter(
    queue: string,
    task: LeasedTask,
    verdict: { readonly reason: string; readonly error: string },
  ): Promise<void>;
  giveBack(queue: string, task: LeasedTask): Promise<void>;
  depth(queue: string): Promise<number>;
  count(queue: string): Promise<TaskCounts>;
  /** Returns how long the longest waiting task has been due; 0 if none waits. */
  overdueMs(queue: string): Promise<number>;
  /** Returns the depth of each queue that is not empty. */
  depths(): Promise<Readonly<Record<string, number>>>;
  readonly deadLetters: DeadLetterQueue;
  /** Deletes old dead letters that are closed, every hour until `signal` aborts. Resolves then. */
  purge(logger: Logger, signal: AbortSignal): Promise<void>;
}

const noSeats: Seats = { count: 0, visibilityTimeoutMs: 0, fill: () => undefined };

/**
 * Releases the tasks of an earlier process. `notify` is called after a commit for each queue in which a task is
 * available now or at a new time.
 */
export async function createTaskStore(
  storage: Storage,
  clock: Clock,
  notify: (queue: string) => void,
  deadLettersRetentionMs?: number,
): Promise<TaskStore> {
  const deadLetters = await createDeadLetterStore(storage, { clock, retentionMs: deadLettersRetentionMs });
  const startMs = clock.now() - clock.elapsedMs();
  const now = () => Math.floor(startMs + clock.elapsedMs());
  await storage.transaction((tx) => endAllLeases(tx, now()));
  let lastSeq = await largestSeq(storage);
  const add = (tx: Transaction, queue: string, task: NewTask) => {
    lastSeq += 1n;
    return insertTask(tx, lastSeq, queue, task, now());
  };
  const addSeated = async (tx: Transaction, queue: string, tasks: readonly NewTask[], seats: Seats) => {
    const seated: LeasedTask[] = [];
    const nowMs = now();
    const times = { nowMs, leaseEndMs: nowMs + seats.visibilityTimeoutMs };
    for (const task of tasks.slice(0, seats.count)) {
      lastSeq += 1n;
      const leased = await insertLeased(tx, lastSeq, queue, task, times);
      if (leased !== undefined) seated.push(leased);
    }
    const others = tasks.slice(seats.count);
    for (const task of others) await add(tx, queue, task);
    if (others.length > 0) tx.afterCommit(() => notify(queue));
    return seated;
  };
  return {
    now,
    async add(queue, tasks, seats = noSeats) {
      let seated: readonly LeasedTask[] = [];
      try {
        seated = await storage.transaction((tx) => addSeated(tx, queue, tasks, seats));
      } finally {
        seats.fill(seated);
      }
    },
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
    deadLetter: (queue, task, { reason, error }) =>
      storage.transaction(async (tx) => {
        if (!(await deleteTask(tx, task))) return;
        const { id: subjectId, payload, headers, attempt: attempts, firstTimeMs } = task;
        const dead = { source: 'task', origin: queue, subjectId, payload, headers, attempts, firstTimeMs } as const;
        await deadLetters.add(tx, { ...dead, reason, error, lastTimeMs: clock.now() });
      }),
    giveBack: (queue, task) =>
      storage.transaction(async (tx) => {
        await returnToQueue(tx, task, now());
        tx.afterCommit(() => notify(queue));
      }),
    depth: (queue) => countTasks(storage, queue),
    async count(queue) {
      const nowMs = now();
      const ready = await countDue(storage, queue, nowMs);
      const running = await countLeased(storage, queue, nowMs);
      const all = await countTasks(storage, queue);
      return { ready, running, delayed: Math.max(0, all - ready - running) };
    },
    overdueMs: async (queue) => {
      const dueMs = await nextDueTimeMs(storage, queue);
      return dueMs === undefined ? 0 : Math.max(0, now() - dueMs);
    },
    depths: () => countByQueue(storage),
    purge: deadLetters.purge,
    deadLetters: deadLetters.queue('task', async ({ origin, subjectId, payload, headers }) => async (tx) => {
      await add(tx, origin, { id: subjectId, payload, headers });
      tx.afterCommit(() => notify(origin));
    }),
  };
}
