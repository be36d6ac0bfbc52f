import type { ConsumeMessage } from 'amqplib';
import { uuidv7 } from '../../../ids/ids.ts';
import { runInScope } from '../../../telemetry/call-scope.ts';
import { type DeliveredTask, identityOf, type Travel } from '../../brokered/delivered-task.ts';
import { type RetryVerdict, recordUntilDone } from '../../brokered/record-outcome.ts';
import { runAttempt, taskOf } from '../../brokered/run-attempt.ts';
import { leaseLost, workerStopped } from '../../errors.ts';
import { scopeOf } from '../../task-scope.ts';
import { readMessage } from '../messages/message.ts';
import type { Delivered, DeliveryContext } from './delivery.ts';

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

/** Runs a delivered task in the scope of its sender. The broker keeps the task until its outcome is recorded. */
export function attemptDelivery(message: ConsumeMessage, context: DeliveryContext): DeliveryAttempt {
  const { settings, clock } = context;
  const read = readMessage(message, clock.now());
  const delivered: Delivered = { ...read, firstTimeMs: read.firstTimeMs ?? clock.now(), delivery: uuidv7() };
  const task = taskOf(delivered, settings);
  const abort = new AbortController();
  let hasOutcome = false;
  return runInScope(scopeOf(task, abort.signal), () => {
    const { redelivered } = message.fields;
    const ended = runAttempt(delivered, task, { ...context, redelivered }, abort.signal).then((outcome) => {
      hasOutcome = true;
      const recording = {
        ...context,
        remove: () => context.channel.ack(message),
        sendToWait: (travel: Travel, verdict: RetryVerdict) => sendToWait(verdict, travel, delivered, context),
      };
      return recordUntilDone(outcome, delivered, recording, abort.signal);
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

async function sendToWait(
  { stepMs, delayMs }: RetryVerdict,
  travel: Travel,
  delivered: Delivered,
  { publisher, settings, onRetry }: DeliveryContext,
): Promise<void> {
  onRetry(delivered.stamp, delayMs);
  const { delivery } = delivered;
  // With 0 ms the message would not wait in a queue: it would be consumed immediately or dropped.
  const expirationMs = Math.max(1, delayMs);
  await publisher.move({ queue: settings.queue, delayMs: stepMs }, delivered, { travel, delivery, expirationMs });
}
