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

/** An attempt under way. None of its promises rejects. */
export interface DeliveryTry {
  readonly stamp: string;
  /** Resolves when its outcome is recorded, or it is the business of another try. */
  readonly ended: Promise<void>;
  /**
   * The channel is gone, and the broker hands the task to a worker again: aborts the work, and records nothing. With the
   * whole connection, that was not the task's doing; a channel alone is closed for what was done on it.
   */
  cutOff(whose: 'connection' | 'channel'): void;
  /** Aborts the work and gives the task back. */
  abandon(): Promise<void>;
}

const interruptedText = 'the connection to RabbitMQ was lost while the task was in hand';

/** Works on a delivered task, in the scope of who sent it. The broker keeps the task until its outcome is recorded. */
export function tryDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryTry {
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
        // One that had failed by then is not spared: it may be what keeps this process from its connection.
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
    // Work that was aborted may have ended early: that it did not fail does not say that it is done.
    if (!signal.aborted) done.add(identity);
    return { is: 'done' };
  } catch (error) {
    return { is: 'failed', error };
  }
}
