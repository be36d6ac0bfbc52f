import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import type { TaskWorker } from '../task-queue.ts';
import type { WorkSettings } from '../work-defaults.ts';
import { type AttemptContext, attemptTask, giveBack, type TaskAttempt } from './task-attempt.ts';

/** How long a stopping worker waits for its tasks in progress. */
const defaultStopGraceMs = 10_000;

const unreachableRetryMs = 1_000;

// Longer than the default delays, which an earlier run may have used.
const leastLongestDelayMs = 15 * 60_000;

const clockWasAhead = 'task due times exceeded the maximum delay because a clock was ahead; made them due now';

/** A worker that is woken when there may be a task. */
export interface EmbeddedWorker extends TaskWorker {
  wake(): void;
}

/**
 * Takes tasks while it has capacity, and sleeps while none is due: until it is woken, or until the next one is due.
 * When the grace of `stop` is over, it aborts the tasks in progress and returns them.
 */
export function createWorker(context: AttemptContext): EmbeddedWorker {
  const { store, settings, clock, logger } = context;
  const unrecorded = new Set<TaskAttempt>();
  let inHand = 0;
  let stopping = false;
  let mayBeMore = false;
  let claiming: Promise<void> | undefined;
  let cancelAlarm: (() => void) | undefined;

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
    cancelAlarm?.();
    const room = settings.concurrency - inHand;
    try {
      const { tasks, nextDueTimeMs, broughtForward } = await store.claim(settings.queue, {
        limit: room,
        visibilityTimeoutMs: settings.visibilityTimeoutMs,
        longestDelayMs: longestDelayMs(settings),
      });
      if (broughtForward > 0) logger.warn({ queue: settings.queue, tasks: broughtForward }, clockWasAhead);
      if (stopping) return void (await Promise.all(tasks.map((task) => giveBack(task, context))));
      for (const task of tasks) take(attemptTask(task, context));
      if (tasks.length === room) mayBeMore = true;
      else if (nextDueTimeMs !== undefined) setAlarm(Math.max(0, nextDueTimeMs - store.now()));
    } catch (error) {
      const text = 'taking tasks from the queue failed; retrying in a second';
      logFailedAttempt({ logger, clock }, { err: error, queue: settings.queue }, text);
      setAlarm(unreachableRetryMs);
    }
  };
  const take = (one: TaskAttempt) => {
    inHand += 1;
    unrecorded.add(one);
    void one.handled.then(() => {
      inHand -= 1;
      claimMore();
    });
    void one.ended.then(() => unrecorded.delete(one));
  };
  const setAlarm = (delayMs: number) => {
    cancelAlarm = clock.after(delayMs, wake);
  };
  return {
    wake,
    async stop(graceMs = defaultStopGraceMs) {
      stopping = true;
      await claiming;
      cancelAlarm?.();
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
