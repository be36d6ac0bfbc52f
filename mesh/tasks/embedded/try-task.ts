import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { attemptsExhausted, leaseLost, workerStopped } from '../errors.ts';
import { cutOffText, endOf, judgeFailure, reportFailure } from '../failed-try.ts';
import type { AttemptEnd, Task } from '../task-queue.ts';
import { scopeOf } from '../task-scope.ts';
import type { WorkSettings } from '../work-defaults.ts';
import type { TaskStore } from './task-store.ts';
import type { LeasedTask } from './task-table.ts';

/** What a try needs beside its task. */
export interface TryContext {
  readonly store: TaskStore;
  readonly settings: WorkSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A try under way. None of its promises rejects. */
export interface TaskTry {
  /** Resolves when the work is over, however it ended: the hand is free for another task. */
  readonly handled: Promise<unknown>;
  /** Resolves when the outcome is recorded as well, or nobody's business any more. */
  readonly ended: Promise<void>;
  /** Ends it from outside: aborts the work and gives the task back; what it does from now on changes nothing. */
  abandon(): Promise<void>;
}

type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** The last try before this one had no outcome, so there is none left. */
  | { readonly is: 'cut-off' };

/** Works on a leased task, in the scope of who sent it, and keeps its lease while it does. */
export function tryTask(leased: LeasedTask, context: TryContext): TaskTry {
  const { settings } = context;
  const abort = new AbortController();
  const task = toTask(leased, settings);
  return runInScope(scopeOf(task, abort.signal), () => {
    const endRenewal = keepLease(leased, context, () =>
      abort.abort(leaseLost({ id: leased.id, queue: settings.queue, problem: 'its lease was not renewed in time' })),
    );
    const handled = handle(task, settings, abort.signal);
    const ended = handled
      .then((outcome) => (abort.signal.aborted ? undefined : record(outcome, leased, context)))
      .catch((error: unknown) => reportUnrecorded(error, leased, context))
      .finally(endRenewal);
    return {
      handled,
      ended,
      async abandon() {
        endRenewal();
        abort.abort(workerStopped({ id: leased.id, queue: settings.queue }));
        await giveBack(leased, context);
      },
    };
  });
}

function toTask({ id, payload, headers, attempt }: LeasedTask, { queue, maxAttempts }: WorkSettings): Task {
  return { id, payload, headers, attempt, queue, lastAttempt: attempt >= maxAttempts };
}

async function handle(task: Task, settings: WorkSettings, signal: AbortSignal): Promise<Outcome> {
  if (task.attempt > settings.maxCutOffs) return { is: 'cut-off' };
  try {
    await settings.handle(task, signal);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}

async function record(outcome: Outcome, leased: LeasedTask, context: TryContext): Promise<void> {
  context.settings.onEnd(await recordEnd(outcome, leased, context));
}

async function recordEnd(outcome: Outcome, leased: LeasedTask, context: TryContext): Promise<AttemptEnd> {
  switch (outcome.is) {
    case 'done':
      await context.store.complete(leased);
      return 'done';
    case 'failed':
      return await recordFailure(leased, outcome.error, context);
    case 'cut-off':
      return await buryUnfinished(leased, context);
  }
}

function reportUnrecorded(error: unknown, leased: LeasedTask, { settings, logger }: TryContext): void {
  const fields = { err: error, queue: settings.queue, task: leased.id };
  logger.error(fields, 'the outcome of a task could not be recorded: it is tried again when its lease ends');
}

/** Gives a task back as if it had not been taken; one that cannot be given back now is taken when its lease ends. */
export async function giveBack(leased: LeasedTask, { store, settings, logger }: TryContext): Promise<void> {
  try {
    await store.giveBack(settings.queue, leased);
  } catch (error) {
    const fields = { err: error, queue: settings.queue, task: leased.id };
    logger.warn(fields, 'a task could not be given back: it is taken again when its lease ends');
  }
}

async function recordFailure(
  leased: LeasedTask,
  error: unknown,
  { store, settings, logger }: TryContext,
): Promise<AttemptEnd> {
  const { queue } = settings;
  const { attempt, firstTimeMs } = leased;
  const verdict = judgeFailure(error, { attempt, firstTimeMs, nowMs: store.now() }, settings);
  reportFailure(logger, error, verdict, { queue, task: leased.id, attempt });
  if (verdict.next === 'dead-letter') await store.bury(queue, leased, verdict);
  else await store.retryLater(queue, leased, { ...verdict, counts: verdict.counts !== 'nothing' });
  return endOf(verdict);
}

/** Its last try was cut off, by a crash perhaps: a task that kills its worker must not do so for ever. */
async function buryUnfinished(leased: LeasedTask, { store, settings, logger }: TryContext): Promise<AttemptEnd> {
  logger.error(
    { queue: settings.queue, task: leased.id },
    'the last try of a task was cut off: it is a dead letter now',
  );
  const error = leased.lastError || cutOffText;
  await store.bury(
    settings.queue,
    { ...leased, attempt: leased.attempt - 1 },
    { reason: attemptsExhausted.reason, error },
  );
  return 'dead';
}

/** Renews the lease at a third of its time, until told to end; `onLost` when another has it. */
function keepLease(leased: LeasedTask, { store, settings, clock, logger }: TryContext, onLost: () => void): () => void {
  let ended = false;
  const renew = async () => {
    try {
      if (!(await store.renew(leased, settings.visibilityTimeoutMs)) && !ended) onLost();
    } catch (error) {
      logger.warn({ err: error, queue: settings.queue, task: leased.id }, 'the lease of a task could not be renewed');
    }
    if (!ended) schedule();
  };
  let callOff: (() => void) | undefined;
  const schedule = () => {
    callOff = clock.after(settings.visibilityTimeoutMs / 3, () => void renew());
  };
  schedule();
  return () => {
    ended = true;
    callOff?.();
  };
}
