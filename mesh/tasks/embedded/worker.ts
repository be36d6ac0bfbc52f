import type { TaskWorker } from '../task-queue.ts';
import type { WorkSettings } from '../work-defaults.ts';
import { giveBack, type TaskTry, type TryContext, tryTask } from './try-task.ts';

/** How long a worker that stops waits for the tasks in hand. */
const defaultStopGraceMs = 10_000;

const unreachableRetryMs = 1_000;

// Longer than the default delays, which an earlier run may have gone by.
const leastLongestDelayMs = 15 * 60_000;

const clockWasAhead =
  'tasks were due later than any delay allows: an earlier run had a clock that was ahead; they are due now';

/** A worker that is told when there may be something to do. */
export interface EmbeddedWorker extends TaskWorker {
  wake(): void;
}

/**
 * Takes tasks while it has a hand free, and sleeps when none is due: until it is woken, or until the next one's time.
 * `stop` aborts what is in hand when its grace is over, and gives it back.
 */
export function createWorker(context: TryContext): EmbeddedWorker {
  const { store, settings, clock, logger } = context;
  const unrecorded = new Set<TaskTry>();
  let inHand = 0;
  let stopping = false;
  let mayBeMore = false;
  let claiming: Promise<void> | undefined;
  let callOffAlarm: (() => void) | undefined;

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
    callOffAlarm?.();
    const room = settings.concurrency - inHand;
    try {
      const { tasks, nextDueTimeMs, broughtForward } = await store.claim(settings.queue, {
        limit: room,
        visibilityTimeoutMs: settings.visibilityTimeoutMs,
        longestDelayMs: longestDelayMs(settings),
      });
      if (broughtForward > 0) logger.warn({ queue: settings.queue, tasks: broughtForward }, clockWasAhead);
      if (stopping) return void (await Promise.all(tasks.map((task) => giveBack(task, context))));
      for (const task of tasks) take(tryTask(task, context));
      if (tasks.length === room) mayBeMore = true;
      else if (nextDueTimeMs !== undefined) setAlarm(Math.max(0, nextDueTimeMs - store.now()));
    } catch (error) {
      logger.error(
        { err: error, queue: settings.queue },
        'no task could be taken from the queue: trying again in a second',
      );
      setAlarm(unreachableRetryMs);
    }
  };
  const take = (one: TaskTry) => {
    inHand += 1;
    unrecorded.add(one);
    void one.handled.then(() => {
      inHand -= 1;
      claimMore();
    });
    void one.ended.then(() => unrecorded.delete(one));
  };
  const setAlarm = (delayMs: number) => {
    callOffAlarm = clock.after(delayMs, wake);
  };
  return {
    wake,
    async stop(graceMs = defaultStopGraceMs) {
      stopping = true;
      await claiming;
      callOffAlarm?.();
      await endOrGrace(unrecorded, graceMs, context);
      await Promise.all([...unrecorded].map((one) => one.abandon()));
    },
  };
}

/** Longer than any delay or lease of this worker, also when it is varied. */
function longestDelayMs({ retryDelaysMs, visibilityTimeoutMs }: WorkSettings): number {
  return Math.max(leastLongestDelayMs, 1.5 * Math.max(visibilityTimeoutMs, ...retryDelaysMs));
}

/** Tasks that end in one turn are replaced by one claim, which shares a commit with their outcomes. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

async function endOrGrace(tries: ReadonlySet<TaskTry>, graceMs: number, { clock }: TryContext): Promise<void> {
  const grace = Promise.withResolvers<void>();
  const callOff = clock.after(graceMs, grace.resolve);
  await Promise.race([Promise.all([...tries].map((one) => one.ended)), grace.promise]);
  callOff();
}
