import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import type { TaskWorker } from '../task-queue.ts';
import type { WorkSettings } from '../work-defaults.ts';
import { type AttemptContext, attemptTask, giveBack, type TaskAttempt } from './task-attempt.ts';
import type { Seats } from './task-store.ts';
import type { LeasedTask } from './task-table.ts';

/** How long a stopping worker waits for its tasks in progress. */
const defaultStopGraceMs = 10_000;

const unreachableRetryMs = 1_000;

// Longer than the default delays, which an earlier run may have used.
const leastLongestDelayMs = 15 * 60_000;

const clockWasAhead = 'task due times exceeded the maximum delay because a clock was ahead; made them due now';

/** A worker that is woken when there may be a task. */
export interface EmbeddedWorker extends TaskWorker {
  wake(): void;
  /** Reserves up to `wanted` seats for tasks that are added now, unless others wait for them. */
  reserve(wanted: number): Seats | undefined;
}

/**
 * Takes tasks while it has capacity, and sleeps while none is due: until it is woken, or until the next one is due. Tasks that
 * are added while none wait are handed to it after their commit, without being read back.
 * When the grace of `stop` is over, it aborts the tasks in progress and returns them.
 */
export function createWorker(context: AttemptContext): EmbeddedWorker {
  const { store, settings, clock, logger } = context;
  const unrecorded = new Set<TaskAttempt>();
  const reserved = new Set<Promise<void>>();
  let inHand = 0;
  let stopping = false;
  let mayBeMore = false;
  let claiming: Promise<void> | undefined;
  let alarm: { readonly timeMs: number; readonly cancel: () => void } | undefined;

  const wake = () => {
    mayBeMore = true;
    claimMore();
  };
  const claimMore = () => {
    if (claiming || stopping || !mayBeMore || inHand >= settings.concurrency) return;
    claiming = endOfTurn()
      .then(claimOnce)
      .finally(() => {
        claiming = undefined;
        claimMore();
      });
  };
  const claimOnce = async () => {
    mayBeMore = false;
    cancelAlarm();
    const room = settings.concurrency - inHand;
    try {
      const { tasks, nextDueTimeMs, broughtForward } = await store.claim(settings.queue, {
        limit: room,
        visibilityTimeoutMs: settings.visibilityTimeoutMs,
        longestDelayMs: longestDelayMs(settings),
      });
      if (broughtForward > 0) logger.warn({ queue: settings.queue, tasks: broughtForward }, clockWasAhead);
      inHand += tasks.length;
      await begin(tasks);
      if (stopping) return;
      if (tasks.length === room) mayBeMore = true;
      else if (nextDueTimeMs !== undefined) setAlarm(Math.max(0, nextDueTimeMs - store.now()));
    } catch (error) {
      const text = 'taking tasks from the queue failed; retrying in a second';
      logFailedAttempt({ logger, clock }, { err: error, queue: settings.queue }, text);
      setAlarm(unreachableRetryMs);
    }
  };
  /** Begins tasks that are in hand, or returns them to the queue if the worker is stopping. */
  const begin = async (tasks: readonly LeasedTask[]) => {
    if (stopping) return void (await Promise.all(tasks.map((task) => giveBack(task, context))));
    for (const task of tasks) follow(attemptTask(task, context));
  };
  const follow = (one: TaskAttempt) => {
    unrecorded.add(one);
    void one.handled.then(() => {
      inHand -= 1;
      claimMore();
    });
    void one.ended.then(() => unrecorded.delete(one));
  };
  const cancelAlarm = () => {
    alarm?.cancel();
    alarm = undefined;
  };
  const setAlarm = (delayMs: number) => {
    const timeMs = clock.elapsedMs() + delayMs;
    if (alarm !== undefined && alarm.timeMs <= timeMs) return;
    cancelAlarm();
    const ring = () => {
      alarm = undefined;
      wake();
    };
    alarm = { timeMs, cancel: clock.after(delayMs, ring) };
  };
  const fill = async (seats: number, tasks: readonly LeasedTask[]) => {
    inHand -= seats - tasks.length;
    await begin(tasks);
    if (stopping) return;
    // A task whose outcome cannot be recorded is due again then.
    if (tasks.length > 0) setAlarm(settings.visibilityTimeoutMs);
    claimMore();
  };
  return {
    wake,
    reserve(wanted) {
      const count = Math.min(wanted, settings.concurrency - inHand);
      if (count <= 0 || stopping || claiming || mayBeMore) return undefined;
      inHand += count;
      const filled = Promise.withResolvers<void>();
      reserved.add(filled.promise);
      void filled.promise.then(() => reserved.delete(filled.promise));
      const { visibilityTimeoutMs } = settings;
      return { count, visibilityTimeoutMs, fill: (tasks) => filled.resolve(fill(count, tasks)) };
    },
    async stop(graceMs = defaultStopGraceMs) {
      stopping = true;
      await Promise.all([claiming, ...reserved]);
      cancelAlarm();
      await endOrGrace(Promise.all([...unrecorded].map((one) => one.ended)), graceMs, clock);
      await Promise.all([...unrecorded].map((one) => one.abandon()));
    },
  };
}

/** Longer than any delay or lease of this worker, including jitter. */
function longestDelayMs({ retryDelaysMs, visibilityTimeoutMs }: WorkSettings): number {
  return Math.max(leastLongestDelayMs, 1.5 * Math.max(visibilityTimeoutMs, ...retryDelaysMs));
}

/** Tasks that end in one turn are replaced by one claim, which shares a commit with their outcomes. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
