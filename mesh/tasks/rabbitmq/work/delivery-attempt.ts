import type { ConsumeMessage } from 'amqplib';
import { undecodable } from '../../../errors/errors.ts';
import { uuidv7 } from '../../../ids/ids.ts';
import { runInScope } from '../../../telemetry/call-scope.ts';
import { leaseLost, tasksUnavailable, workerStopped } from '../../errors.ts';
import type { Task } from '../../task-queue.ts';
import { scopeOf } from '../../task-scope.ts';
import type { WorkSettings } from '../../work-defaults.ts';
import { type DeliveredTask, identityOf, readMessage } from '../messages/message.ts';
import type { Delivered, DeliveryContext, Outcome } from './delivery.ts';
import { recordUntilDone } from './record-outcome.ts';

/** An attempt in progress. None of its promises rejects. */
export interface DeliveryAttempt {
  readonly stamp: string;
  /** Resolves when its outcome is recorded, or belongs to another attempt. */
  readonly ended: Promise<void>;
  /**
   * The channel is lost and the broker delivers the task again: aborts the work and records nothing. A lost connection
   * is not the task's fault. The broker closes a single channel because of what was done on it.
   */
  cutOff(whose: 'connection' | 'channel'): void;
  /** Aborts the work and returns the task. */
  abandon(): Promise<void>;
}

const interruptedText = 'the connection to RabbitMQ was lost while the task was in hand';

/** Runs a delivered task in the scope of its sender. The broker keeps the task until its outcome is recorded. */
export function attemptDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryAttempt {
  const { settings, clock } = context;
  const read = readMessage(message, clock.now());
  const delivered: Delivered = { ...read, firstTimeMs: read.firstTimeMs ?? clock.now(), delivery: uuidv7() };
  const task = toTask(delivered, settings);
  const abort = new AbortController();
  let hasOutcome = false;
  return runInScope(scopeOf(task, abort.signal), () => {
    const ended = handle(message, delivered, task, context, abort.signal).then((outcome) => {
      hasOutcome = true;
      return recordUntilDone(outcome, message, delivered, context, abort.signal);
    });
    return {
      stamp: delivered.stamp,
      ended,
      cutOff(whose) {
        // A task that had failed before is not spared: it may be why this process loses its connection.
        if (whose === 'connection' && !hasOutcome) context.interrupted.add(identityOf(delivered));
        abort.abort(leaseLost({ id: task.id, queue: task.queue, problem: 'the connection to RabbitMQ was lost' }));
      },
      async abandon() {
        abort.abort(workerStopped(task));
        await giveBack(message, delivered, context);
      },
    };
  });
}

/** Puts a task back into its queue as if it had not been delivered. The broker would count that as an attempt. */
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
    logger.warn(fields, 'returning a task to its queue failed; the broker delivers it to another worker');
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
  { settings, done, interrupted }: DeliveryContext,
  signal: AbortSignal,
): Promise<Outcome> {
  if (delivered.problem !== undefined)
    return {
      is: 'failed',
      error: undecodable({ thing: `task ${task.id} of queue ${task.queue}`, problem: delivered.problem }),
    };
  const identity = identityOf(delivered);
  if (done.has(identity)) return { is: 'done' };
  if (fields.redelivered) {
    if (interrupted.take(identity)) return { is: 'failed', error: tasksUnavailable({ problem: interruptedText }) };
    return { is: 'cut-off' };
  }
  try {
    await settings.handle(task, signal);
    // Aborted work may have ended early: that it did not fail does not mean that it is done.
    if (!signal.aborted) done.add(identity);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}
