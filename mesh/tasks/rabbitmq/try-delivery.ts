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
import { type DeliveredTask, readMessage, type Travel, toProperties } from './message.ts';
import { send } from './send.ts';
import { retryQueueName } from './topology.ts';

/** What a try needs beside its message. */
export interface DeliveryContext {
  /** The channel that brought the message: only there can it be acknowledged. */
  readonly channel: ConfirmChannel;
  readonly settings: WorkSettings;
  readonly letters: TaskLetters;
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

type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly error: unknown }
  /** It was delivered before and no outcome came of that, because the worker died perhaps. */
  | { readonly is: 'cut-off' };

const recordRetryMs = 1_000;

/** Works on a delivered task, in the scope of who sent it. The broker keeps the task until its outcome is recorded. */
export function tryDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryTry {
  const { settings, clock } = context;
  const read = readMessage(message);
  const delivered = { ...read, firstTimeMs: read.firstTimeMs ?? clock.now() };
  const task = toTask(delivered, settings);
  const abort = new AbortController();
  return runInScope(scopeOf(task, abort.signal), () => {
    const ended = handle(message, task, settings, abort.signal).then((outcome) =>
      recordUntilDone(outcome, message, delivered, context, abort.signal),
    );
    return {
      stamp: delivered.stamp,
      ended,
      cutOff: () => abort.abort(leaseLost(task)),
      async abandon() {
        abort.abort(workerStopped(task));
        await giveBack(message, context);
      },
    };
  });
}

/** Puts a task back into its queue as if it had not been delivered; the broker would count that as a try. */
export async function giveBack(
  message: ConsumeMessage,
  { channel, settings, logger }: Pick<DeliveryContext, 'channel' | 'settings' | 'logger'>,
): Promise<void> {
  const delivered = readMessage(message);
  try {
    await send(channel, {
      queue: settings.queue,
      content: message.content,
      properties: toProperties(delivered, delivered),
    });
    channel.ack(message);
  } catch (error) {
    const fields = { err: error, queue: settings.queue, task: delivered.id };
    logger.warn(fields, 'a task could not be given back: the broker hands it to another worker');
  }
}

function toTask({ id, payload, headers, attempts }: DeliveredTask, { queue, maxAttempts }: WorkSettings): Task {
  const attempt = attempts + 1;
  return { id, payload, headers, queue, attempt, lastAttempt: attempt >= maxAttempts };
}

async function handle(
  { fields }: ConsumeMessage,
  task: Task,
  settings: WorkSettings,
  signal: AbortSignal,
): Promise<Outcome> {
  if (fields.redelivered) return { is: 'cut-off' };
  try {
    await settings.handle(task, signal);
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
      await record(outcome, delivered, context);
      return context.channel.ack(message);
    } catch (error) {
      if (signal.aborted) return;
      const fields = { err: error, queue: settings.queue, task: delivered.id };
      logger.error(fields, 'the outcome of a task could not be recorded: trying again in a second');
      await pause(clock, recordRetryMs, signal);
    }
  }
}

async function record(outcome: Outcome, delivered: DeliveredTask, context: DeliveryContext): Promise<void> {
  if (outcome.is === 'failed') await recordFailure(outcome.error, delivered, context);
  if (outcome.is === 'cut-off') await recordCutOff(delivered, context);
}

async function recordFailure(error: unknown, delivered: DeliveredTask, context: DeliveryContext): Promise<void> {
  const { settings, logger, letters, onRetry } = context;
  const { queue } = settings;
  const attempt = delivered.attempts + 1;
  const verdict = judgeFailure(error, attempt, settings);
  const fields = { err: error, queue, task: delivered.id, attempt };
  if (verdict.next === 'retry') {
    logger.warn({ ...fields, retry_in_ms: verdict.delayMs }, 'a task failed and is tried again');
    const delayMs = settings.retryDelaysMs[attempt - 1] ?? 0;
    const travel = { ...delivered, attempts: attempt, lastError: verdict.error };
    onRetry(delivered.stamp, verdict.delayMs);
    await forward(retryQueueName(queue, delayMs), delivered, travel, context, verdict.delayMs);
  } else {
    logger.error({ ...fields, reason: verdict.reason }, 'a task failed for good and is a dead letter now');
    await letters.bury(delivered.stamp, letterOf(delivered, queue, verdict.reason, verdict.error));
  }
}

/** A try without an outcome counts, so that a task which kills its worker does not do so for ever. */
async function recordCutOff(delivered: DeliveredTask, context: DeliveryContext): Promise<void> {
  const { settings, logger, letters } = context;
  const { queue, maxAttempts } = settings;
  const attempts = delivered.attempts + 1;
  if (attempts < maxAttempts) return await forward(queue, delivered, { ...delivered, attempts }, context);
  logger.error({ queue, task: delivered.id }, 'the last try of a task was cut off: it is a dead letter now');
  const error = delivered.lastError || 'the last try was cut off before it had an outcome';
  await letters.bury(delivered.stamp, letterOf(delivered, queue, 'ATTEMPTS_EXHAUSTED', error));
}

async function forward(
  queue: string,
  delivered: DeliveredTask,
  travel: Travel,
  { channel }: DeliveryContext,
  delayMs?: number,
): Promise<void> {
  const properties = toProperties(delivered, travel);
  const expiration = delayMs === undefined ? {} : { expiration: Math.max(1, delayMs) };
  await send(channel, { queue, content: delivered.payload, properties: { ...properties, ...expiration } });
}

function letterOf(delivered: DeliveredTask, queue: string, reason: string, error: string) {
  const { id: subjectId, payload, headers, attempts, firstTimeMs = 0 } = delivered;
  return { origin: queue, reason, error, attempts: attempts + 1, payload, headers, subjectId, firstTimeMs };
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
