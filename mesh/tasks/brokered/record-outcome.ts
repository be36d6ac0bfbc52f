import { isRefusal } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { type AttemptVerdict, endOf, errorText, judgeCutOff, judgeFailure, reportFailure } from '../judge-failure.ts';
import type { AttemptEnd } from '../task-queue.ts';
import type { WorkSettings } from '../work-defaults.ts';
import type { TaskDeadLetters } from './dead-letters/task-dead-letters.ts';
import { type DeliveredTask, identityOf, type Travel } from './delivered-task.ts';
import type { Outcome } from './run-attempt.ts';

/** A delivered task whose first time is known. */
export interface Delivered extends DeliveredTask {
  readonly firstTimeMs: number;
}

export type RetryVerdict = AttemptVerdict & { readonly next: 'retry' };

export interface RecordContext {
  readonly settings: WorkSettings;
  readonly deadLetters: Pick<TaskDeadLetters, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes the delivered message off its queue. */
  readonly remove: () => Promise<void> | void;
  /** Sends the task, with these values, to where it waits for its next attempt. */
  readonly sendToWait: (travel: Travel, verdict: RetryVerdict) => Promise<void>;
}

const recordRetryMs = 1_000;

/**
 * Records how an attempt ended, no matter how long that takes: without a record the task must not leave the queue.
 * Records nothing after `signal` aborts, because the task belongs to another attempt then.
 */
export async function recordUntilDone(
  outcome: Outcome,
  delivered: Delivered,
  context: RecordContext,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const { clock, logger, settings } = context;
  const fields = { queue: settings.queue, task: delivered.id };
  const verdict = outcome.is === 'done' ? undefined : judge(outcome, delivered, context);
  // Once it is sent, only its removal is repeated: each sending is one more task.
  let end: AttemptEnd | undefined = verdict ? undefined : 'done';
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      end ??= verdict ? await recordFailure(verdict, delivered, context) : 'done';
      await context.remove();
      settings.onEnd(end);
      if (failures > 0) logger.info({ ...fields, failures }, 'outcome of a task recorded');
      return;
    } catch (error) {
      if (signal.aborted) return;
      const text = 'recording the outcome of a task failed; retrying every second';
      logFailedAttempt({ logger, clock, failures: failures + 1 }, { ...fields, err: error }, text);
      await sleep(clock, recordRetryMs, signal);
    }
  }
}

function judge(
  outcome: Exclude<Outcome, { readonly is: 'done' }>,
  { id, attempts, cutOffs, firstTimeMs }: Delivered,
  { clock, settings, logger }: RecordContext,
): AttemptVerdict {
  const attempt = attempts + 1;
  const task = { queue: settings.queue, task: id, attempt };
  if (outcome.is === 'cut-off') {
    const verdict = judgeCutOff(cutOffs + 1, settings);
    reportFailure(logger, new Error(verdict.error), verdict, task);
    return verdict;
  }
  const verdict = judgeFailure(outcome.error, { attempt, firstTimeMs, nowMs: clock.now() }, settings);
  reportFailure(logger, outcome.error, verdict, task);
  return verdict;
}

async function recordFailure(
  verdict: AttemptVerdict,
  delivered: Delivered,
  context: RecordContext,
): Promise<AttemptEnd> {
  if (verdict.next === 'dead-letter') return await deadLetter(verdict.reason, verdict.error, delivered, context);
  try {
    await context.sendToWait(travelAfter(verdict, delivered), verdict);
    return endOf(verdict);
  } catch (error) {
    if (!(error instanceof MeshError) || !isRefusal(error)) throw error;
    const text = `${verdict.error}; it cannot wait for another attempt: ${errorText(error)}`;
    return await deadLetter(error.reason, text, delivered, context);
  }
}

function travelAfter({ counts }: RetryVerdict, { stamp, attempts, cutOffs, firstTimeMs }: Delivered): Travel {
  return {
    stamp,
    attempts: attempts + (counts === 'failure' ? 1 : 0),
    cutOffs: cutOffs + (counts === 'cut-off' ? 1 : 0),
    firstTimeMs,
  };
}

async function deadLetter(
  reason: string,
  error: string,
  delivered: Delivered,
  { deadLetters, settings }: RecordContext,
): Promise<AttemptEnd> {
  const { id: subjectId, payload, headers, firstTimeMs, attempts, cutOffs } = delivered;
  await deadLetters.add(identityOf(delivered), {
    origin: settings.queue,
    reason,
    error,
    attempts: attempts + cutOffs + 1,
    payload,
    headers,
    subjectId,
    firstTimeMs,
  });
  return 'dead';
}
