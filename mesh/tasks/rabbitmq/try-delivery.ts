import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import { judgeFailure } from '../failed-try.ts';
import type { Task } from '../task-queue.ts';
import { scopeOf } from '../task-scope.ts';
import type { WorkSettings } from '../work-defaults.ts';
import type { TaskLetters } from './letters.ts';
import { type DeliveredTask, readMessage, toProperties } from './message.ts';
import type { RecentStamps } from './recent-stamps.ts';
import { send } from './send.ts';
import { retryQueueName } from './topology.ts';

/** What a try needs beside its message. */
export interface DeliveryContext {
  /** The channel that brought the message: only there can it be acknowledged. */
  readonly channel: ConfirmChannel;
  readonly settings: WorkSettings;
  readonly letters: TaskLetters;
  readonly done: RecentStamps;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told when a task goes to wait for its next try. */
  readonly onRetry: (stamp: string, delayMs: number) => void;
}

/** A try under way. None of its promises rejects. */
export interface DeliveryTry {
  readonly stamp: string;
  /** Resolves when its outcome is recorded, or it is the business of another try. */
  readonly ended: Promise<void>;
  /** The channel is gone, and the broker hands the task to a worker again: aborts the work, and records nothing. */
  cutOff(): void;
  /** Aborts the work and gives the task back. */
  abandon(): Promise<void>;
}

type Outcome = { readonly is: 'done' } | { readonly is: 'failed'; readonly error: unknown };

const recordRetryMs = 1_000;
const cutOffText = 'the try was cut off before it had an outcome: its worker died, or lost RabbitMQ';

/** Works on a delivered task, in the scope of who sent it. The broker keeps the task until its outcome is recorded. */
export function tryDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryTry {
  const { settings, clock } = context;
  const read = readMessage(message);
  const delivered = { ...read, firstTimeMs: read.firstTimeMs ?? clock.now() };
  const task = toTask(delivered, settings);
  const abort = new AbortController();
  return runInScope(scopeOf(task, abort.signal), () => {
    const ended = handle(message, delivered.stamp, task, context, abort.signal).then((outcome) =>
      recordUntilDone(outcome, message, delivered, context, abort.signal),
    );
    return {
      stamp: delivered.stamp,
      ended,
      cutOff: () => abort.abort(leaseLost(task)),
      async abandon() {
        abort.abort(workerStopped(task));
        await giveBack(message, delivered, context);
      },
    };
  });
}

/** Puts a task back into its queue as if it had not been delivered; the broker would count that as a try. */
export async function giveBack(
  message: ConsumeMessage,
  delivered: DeliveredTask,
  { channel, settings, logger }: Pick<DeliveryContext, 'channel' | 'settings' | 'logger'>,
): Promise<void> {
  const { queue } = settings;
  try {
    await send(channel, { queue, content: message.content, properties: toProperties(delivered, delivered) });
    channel.ack(message);
  } catch (error) {
    const fields = { err: error, queue, task: delivered.id };
    logger.warn(fields, 'a task could not be given back: the broker hands it to another worker');
  }
}

function toTask({ id, payload, headers, attempts }: DeliveredTask, { queue, maxAttempts }: WorkSettings): Task {
  const attempt = attempts + 1;
  return { id, payload, headers, queue, attempt, lastAttempt: attempt >= maxAttempts };
}

async function handle(
  { fields }: ConsumeMessage,
  stamp: string,
  task: Task,
  { settings, done }: DeliveryContext,
  signal: AbortSignal,
): Promise<Outcome> {
  if (done.has(stamp)) return { is: 'done' };
  // A try without an outcome counts, so that a task which kills its worker does not do so for ever.
  if (fields.redelivered) return { is: 'failed', error: new Error(cutOffText) };
  try {
    await settings.handle(task, signal);
    // Work that was aborted may have ended early: that it did not fail does not say that it is done.
    if (!signal.aborted) done.add(stamp);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** Until then the task is held: without a record of how it went it must not leave the queue. */
async function recordUntilDone(
  outcome: Outcome,
  message: ConsumeMessage,
  delivered: DeliveredTask,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, settings } = context;
  while (!signal.aborted) {
    try {
      if (outcome.is === 'failed') await recordFailure(outcome.error, delivered, context);
      return context.channel.ack(message);
    } catch (error) {
      if (signal.aborted) return;
      const fields = { err: error, queue: settings.queue, task: delivered.id };
      logger.error(fields, 'the outcome of a task could not be recorded: trying again in a second');
      await pause(clock, recordRetryMs, signal);
    }
  }
}

async function recordFailure(error: unknown, delivered: DeliveredTask, context: DeliveryContext): Promise<void> {
  const { channel, settings, logger, letters, onRetry } = context;
  const { queue } = settings;
  const attempts = delivered.attempts + 1;
  const verdict = judgeFailure(error, attempts, settings);
  const fields = { err: error, queue, task: delivered.id, attempt: attempts };
  if (verdict.next === 'retry') {
    logger.warn({ ...fields, retry_in_ms: verdict.delayMs }, 'a task failed and is tried again');
    onRetry(delivered.stamp, verdict.delayMs);
    await send(channel, {
      queue: retryQueueName(queue, settings.retryDelaysMs[attempts - 1] ?? 0),
      content: delivered.payload,
      // One of 0 ms would not wait for a queue: it would have to be taken at once or dropped.
      properties: { ...toProperties(delivered, { ...delivered, attempts }), expiration: Math.max(1, verdict.delayMs) },
    });
  } else {
    logger.error({ ...fields, reason: verdict.reason }, 'a task failed for good and is a dead letter now');
    const { id: subjectId, payload, headers, firstTimeMs = context.clock.now() } = delivered;
    const { reason, error: text } = verdict;
    const letter = { origin: queue, reason, error: text, attempts, payload, headers, subjectId, firstTimeMs };
    await letters.bury(delivered.stamp, letter);
  }
}

function leaseLost({ id, queue }: Task): MeshError {
  return new MeshError(
    Status.ABORTED,
    'LEASE_LOST',
    `task ${id} of ${queue} is handed to another worker: the connection to RabbitMQ was lost`,
  );
}

function workerStopped({ id, queue }: Task): MeshError {
  return new MeshError(
    Status.CANCELLED,
    'WORKER_STOPPED',
    `the worker stopped before task ${id} of ${queue} was done: another takes it`,
  );
}
