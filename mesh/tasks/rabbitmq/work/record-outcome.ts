import type { ConsumeMessage } from 'amqplib';
import { isRefusal } from '../../../errors/codes.ts';
import { MeshError } from '../../../errors/mesh-error.ts';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import { sleep } from '../../../time/sleep.ts';
import {
  type AttemptVerdict,
  endOf,
  errorText,
  judgeCutOff,
  judgeFailure,
  reportFailure,
} from '../../judge-failure.ts';
import type { AttemptEnd } from '../../task-queue.ts';
import { identityOf } from '../messages/message.ts';
import type { Delivered, DeliveryContext, Outcome } from './delivery.ts';

const recordRetryMs = 1_000;

/**
 * Records how an attempt ended, no matter how long that takes: without a record the task must not leave the queue.
 * Records nothing after `signal` aborts, because the task belongs to another attempt then.
 */
export async function recordUntilDone(
  outcome: Outcome,
  message: ConsumeMessage,
  delivered: Delivered,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const { clock, logger, settings } = context;
  const fields = { queue: settings.queue, task: delivered.id };
  const verdict = outcome.is === 'done' ? undefined : judge(outcome, delivered, context);
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const end = verdict ? await recordFailure(verdict, delivered, context) : 'done';
      context.channel.ack(message);
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
  { clock, settings, logger }: DeliveryContext,
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
  context: DeliveryContext,
): Promise<AttemptEnd> {
  if (verdict.next === 'dead-letter') return await deadLetter(verdict.reason, verdict.error, delivered, context);
  try {
    await sendToWait(verdict, delivered, context);
    return endOf(verdict);
  } catch (error) {
    if (!(error instanceof MeshError) || !isRefusal(error)) throw error;
    const text = `${verdict.error}; it cannot wait for another attempt: ${errorText(error)}`;
    return await deadLetter(error.reason, text, delivered, context);
  }
}

async function sendToWait(
  { stepMs, delayMs, counts }: AttemptVerdict & { readonly next: 'retry' },
  delivered: Delivered,
  { publisher, settings, onRetry }: DeliveryContext,
): Promise<void> {
  const { stamp, delivery } = delivered;
  const travel = {
    ...delivered,
    attempts: delivered.attempts + (counts === 'failure' ? 1 : 0),
    cutOffs: delivered.cutOffs + (counts === 'cut-off' ? 1 : 0),
  };
  onRetry(stamp, delayMs);
  // With 0 ms the message would not wait in a queue: it would be consumed immediately or dropped.
  const expirationMs = Math.max(1, delayMs);
  await publisher.move({ queue: settings.queue, delayMs: stepMs }, delivered, { travel, delivery, expirationMs });
}

async function deadLetter(
  reason: string,
  error: string,
  delivered: Delivered,
  { deadLetters, settings }: DeliveryContext,
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
