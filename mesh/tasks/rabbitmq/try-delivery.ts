import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { Status } from 'nice-grpc-common';
import { isRefusal } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { uuidv7 } from '../../ids/ids.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import { errorText, judgeFailure, reportFailure, type Verdict } from '../failed-try.ts';
import type { Task } from '../task-queue.ts';
import { scopeOf } from '../task-scope.ts';
import type { WorkSettings } from '../work-defaults.ts';
import type { TaskLetters } from './letters.ts';
import { type DeliveredTask, identityOf, readMessage } from './message.ts';
import type { Publisher } from './publisher.ts';
import type { RecentStamps } from './recent-stamps.ts';

/** What a try needs beside its message. */
export interface DeliveryContext {
  /** The channel that brought the message: only there can it be acknowledged. */
  readonly channel: ConfirmChannel;
  /** Sends it on, over a connection of its own: one that publishes is not read while the broker has an alarm. */
  readonly publisher: Publisher;
  readonly settings: WorkSettings;
  readonly letters: TaskLetters;
  readonly done: RecentStamps;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told when a task goes to wait for its next try. */
  readonly onRetry: (stamp: string, delayMs: number) => void;
}

/** An attempt under way. None of its promises rejects. */
export interface DeliveryTry {
  readonly stamp: string;
  /** Resolves when its outcome is recorded, or it is the business of another try. */
  readonly ended: Promise<void>;
  /** The channel is gone, and the broker hands the task to a worker again: aborts the work, and records nothing. */
  cutOff(): void;
  /** Aborts the work and gives the task back. */
  abandon(): Promise<void>;
}

/** A task that has been delivered, under the name of this delivery. */
interface Delivered extends DeliveredTask {
  readonly firstTimeMs: number;
  readonly delivery: string;
}

type Outcome = { readonly is: 'done' } | { readonly is: 'failed'; readonly error: unknown };

const recordRetryMs = 1_000;
const cutOffText = 'the try was cut off before it had an outcome: its worker died, or lost RabbitMQ';

/** Works on a delivered task, in the scope of who sent it. The broker keeps the task until its outcome is recorded. */
export function tryDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryTry {
  const { settings, clock } = context;
  const read = readMessage(message, clock.now());
  const delivered: Delivered = { ...read, firstTimeMs: read.firstTimeMs ?? clock.now(), delivery: uuidv7() };
  const task = toTask(delivered, settings);
  const abort = new AbortController();
  return runInScope(scopeOf(task, abort.signal), () => {
    const ended = handle(message, delivered, task, context, abort.signal).then((outcome) =>
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

/** Puts a task back into its queue as if it had not been delivered; the broker would count that as an attempt. */
export async function giveBack(
  message: ConsumeMessage,
  delivered: DeliveredTask,
  { channel, publisher, settings, logger }: Pick<DeliveryContext, 'channel' | 'publisher' | 'settings' | 'logger'>,
): Promise<void> {
  const { queue } = settings;
  try {
    await publisher.move({ queue }, delivered, { travel: delivered, delivery: `back ${uuidv7()}` });
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
  delivered: DeliveredTask,
  task: Task,
  { settings, done }: DeliveryContext,
  signal: AbortSignal,
): Promise<Outcome> {
  if (delivered.problem !== undefined) return { is: 'failed', error: undecodable(task, delivered.problem) };
  const identity = identityOf(delivered);
  if (done.has(identity)) return { is: 'done' };
  // An attempt without an outcome counts, so that a task which kills its worker does not do so for ever.
  if (fields.redelivered) return { is: 'failed', error: new Error(cutOffText) };
  try {
    await settings.handle(task, signal);
    // Work that was aborted may have ended early: that it did not fail does not say that it is done.
    if (!signal.aborted) done.add(identity);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** Until then the task is held: without a record of how it went it must not leave the queue. */
async function recordUntilDone(
  outcome: Outcome,
  message: ConsumeMessage,
  delivered: Delivered,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, settings } = context;
  const fields = { queue: settings.queue, task: delivered.id };
  const verdict = outcome.is === 'failed' ? judge(outcome.error, delivered, context) : undefined;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      if (verdict) await recordFailure(verdict, delivered, context);
      context.channel.ack(message);
      if (failures > 0) logger.info({ ...fields, failures }, 'the outcome of a task is recorded now');
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (failures === 0) {
        logger.error(
          { ...fields, err: error },
          'the outcome of a task could not be recorded: trying again every second',
        );
      }
      await pause(clock, recordRetryMs, signal);
    }
  }
}

function judge(
  error: unknown,
  { id, attempts, firstTimeMs }: Delivered,
  { clock, settings, logger }: DeliveryContext,
): Verdict {
  const attempt = attempts + 1;
  const verdict = judgeFailure(error, { attempt, firstTimeMs, nowMs: clock.now() }, settings);
  reportFailure(logger, error, verdict, { queue: settings.queue, task: id, attempt });
  return verdict;
}

async function recordFailure(verdict: Verdict, delivered: Delivered, context: DeliveryContext): Promise<void> {
  if (verdict.next === 'dead-letter') return await bury(verdict.reason, verdict.error, delivered, context);
  try {
    await sendToWait(verdict, delivered, context);
  } catch (error) {
    if (!(error instanceof MeshError) || !isRefusal(error)) throw error;
    const text = `${verdict.error}; it cannot wait for another attempt: ${errorText(error)}`;
    await bury(error.reason, text, delivered, context);
  }
}

async function sendToWait(
  { stepMs, delayMs, counts }: Verdict & { readonly next: 'retry' },
  delivered: Delivered,
  { publisher, settings, onRetry }: DeliveryContext,
): Promise<void> {
  const travel = counts ? { ...delivered, attempts: delivered.attempts + 1 } : delivered;
  onRetry(delivered.stamp, delayMs);
  // One of 0 ms would not wait for a queue: it would have to be taken at once or dropped.
  const expirationMs = Math.max(1, delayMs);
  const { delivery } = delivered;
  await publisher.move({ queue: settings.queue, delayMs: stepMs }, delivered, { travel, delivery, expirationMs });
}

async function bury(
  reason: string,
  error: string,
  delivered: Delivered,
  { letters, settings }: DeliveryContext,
): Promise<void> {
  const { id: subjectId, payload, headers, firstTimeMs, attempts } = delivered;
  const letter = {
    origin: settings.queue,
    reason,
    error,
    attempts: attempts + 1,
    payload,
    headers,
    subjectId,
    firstTimeMs,
  };
  await letters.bury(identityOf(delivered), letter);
}

function undecodable({ id, queue }: Task, problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNDECODABLE',
    `task ${id} of ${queue} cannot be understood: ${problem}; fix its sender, and redrive it to have it worked on`,
  );
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
