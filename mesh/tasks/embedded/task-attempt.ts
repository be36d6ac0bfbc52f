import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { attemptsExhausted, leaseLost, workerStopped } from '../errors.ts';
import { cutOffText, endOf, judgeFailure, reportFailure } from '../judge-failure.ts';
import type { AttemptEnd, Task } from '../task-queue.ts';
import { scopeOf } from '../task-scope.ts';
import type { WorkSettings } from '../work-defaults.ts';
import type { TaskStore } from './task-store.ts';
import type { LeasedTask } from './task-table.ts';

export interface AttemptContext {
  readonly store: TaskStore;
  readonly settings: WorkSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An attempt in progress. None of its promises rejects. */
export interface TaskAttempt {
  /** Resolves when the work has ended, successfully or not, so another task can be taken. */
  readonly handled: Promise<unknown>;
  /** Resolves when the outcome is recorded, or no longer matters. */
  readonly ended: Promise<void>;
  /** Aborts the work and returns the task. What the work does from then on has no effect. */
  abandon(): Promise<void>;
}

type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** The last attempt was interrupted, so none is left. */
  | { readonly is: 'cut-off' };

/** Runs a leased task in the scope of its sender, and renews its lease meanwhile. */
export function attemptTask(leased: LeasedTask, context: AttemptContext): TaskAttempt {
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

async function record(outcome: Outcome, leased: LeasedTask, context: AttemptContext): Promise<void> {
  context.settings.onEnd(await recordEnd(outcome, leased, context));
}

async function recordEnd(outcome: Outcome, leased: LeasedTask, context: AttemptContext): Promise<AttemptEnd> {
  switch (outcome.is) {
    case 'done':
      await context.store.complete(leased);
      return 'done';
    case 'failed':
      return await recordFailure(leased, outcome.error, context);
    case 'cut-off':
      return await deadLetterInterrupted(leased, context);
  }
}

function reportUnrecorded(error: unknown, leased: LeasedTask, { settings, logger }: AttemptContext): void {
  const fields = { err: error, queue: settings.queue, task: leased.id };
  logger.error(fields, 'recording the outcome of a task failed; it is retried when its lease ends');
}

/** Returns a task as if it had not been taken. If that fails, it is available when its lease ends. */
export async function giveBack(leased: LeasedTask, { store, settings, logger }: AttemptContext): Promise<void> {
  try {
    await store.giveBack(settings.queue, leased);
  } catch (error) {
    const fields = { err: error, queue: settings.queue, task: leased.id };
    logger.warn(fields, 'returning a task to its queue failed; it is available when its lease ends');
  }
}

async function recordFailure(
  leased: LeasedTask,
  error: unknown,
  { store, settings, logger }: AttemptContext,
): Promise<AttemptEnd> {
  const { queue } = settings;
  const { attempt, firstTimeMs } = leased;
  const verdict = judgeFailure(error, { attempt, firstTimeMs, nowMs: store.now() }, settings);
  reportFailure(logger, error, verdict, { queue, task: leased.id, attempt });
  if (verdict.next === 'dead-letter') await store.deadLetter(queue, leased, verdict);
  else await store.retryLater(queue, leased, { ...verdict, counts: verdict.counts !== 'nothing' });
  return endOf(verdict);
}

/** Its last attempt was interrupted, perhaps by a crash. A task that kills its worker must not do so forever. */
async function deadLetterInterrupted(
  leased: LeasedTask,
  { store, settings, logger }: AttemptContext,
): Promise<AttemptEnd> {
  logger.error(
    { queue: settings.queue, task: leased.id },
    'last attempt of a task was interrupted; it became a dead letter',
  );
  const error = leased.lastError || cutOffText;
  await store.deadLetter(
    settings.queue,
    { ...leased, attempt: leased.attempt - 1 },
    { reason: attemptsExhausted.reason, error },
  );
  return 'dead';
}

/** Renews the lease at a third of its time, until stopped. Calls `onLost` if another worker has it. */
function keepLease(
  leased: LeasedTask,
  { store, settings, clock, logger }: AttemptContext,
  onLost: () => void,
): () => void {
  let ended = false;
  const renew = async () => {
    try {
      if (!(await store.renew(leased, settings.visibilityTimeoutMs)) && !ended) onLost();
    } catch (error) {
      logger.warn({ err: error, queue: settings.queue, task: leased.id }, 'renewing the lease of a task failed');
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
