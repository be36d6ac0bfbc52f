import type { Message } from '@aws-sdk/client-sqs';
import { runInScope } from '../../../telemetry/call-scope.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { TaskDeadLetters } from '../../brokered/dead-letters/task-dead-letters.ts';
import { identityOf, type Travel } from '../../brokered/delivered-task.ts';
import { type Delivered, recordUntilDone } from '../../brokered/record-outcome.ts';
import { type AttemptMemory, runAttempt, taskOf } from '../../brokered/run-attempt.ts';
import { leaseLost, workerStopped } from '../../errors.ts';
import { scopeOf } from '../../task-scope.ts';
import type { WorkSettings } from '../../work-defaults.ts';
import type { SqsCalls } from '../connection/calls.ts';
import { readMessage, type SqsDelivered } from '../messages/message.ts';
import type { SqsPublisher } from '../publisher.ts';
import { holdMessage } from './lease.ts';

export interface SqsWorkContext extends AttemptMemory {
  readonly calls: SqsCalls;
  readonly publisher: SqsPublisher;
  readonly settings: WorkSettings;
  readonly deadLetters: Pick<TaskDeadLetters, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A received message. */
export interface Received {
  readonly message: Message;
  readonly url: string;
  readonly visibilityS: number;
  /** It came after the worker began to stop: it is returned, not worked on. */
  readonly isLate: boolean;
}

/** An attempt in progress. None of its promises rejects. */
export interface DeliveryAttempt {
  /** Resolves when its outcome is recorded, or belongs to another attempt. */
  readonly ended: Promise<void>;
  /** SQS has delivered the message once more, to this process. */
  receivedAgain(message: Message): void;
  /** Aborts the work and returns the task to its queue, to be received after `delayMs`. */
  abandon(delayMs: number): Promise<void>;
}

/** Runs a received task in the scope of its sender. SQS keeps the task, hidden from others, until its outcome is recorded. */
export function attemptMessage(
  { message, url, visibilityS, isLate }: Received,
  context: SqsWorkContext,
): DeliveryAttempt {
  const { calls, publisher, settings, clock, logger } = context;
  const { queue } = settings;
  const read = readMessage(message, clock.now());
  const receives = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
  const delivered: Delivered & SqsDelivered = {
    ...read,
    firstTimeMs: read.firstTimeMs ?? clock.now(),
    // The last of the receives without an outcome is counted with this one.
    cutOffs: read.cutOffs + Math.max(0, receives - 2),
  };
  const task = taskOf(delivered, settings);
  const abort = new AbortController();
  let hasOutcome = false;
  const lease = holdMessage({
    calls,
    clock,
    url,
    visibilityS,
    receiptHandle: message.ReceiptHandle ?? '',
    lost(problem, cause) {
      // An outage is not the task's fault.
      if (cause === 'outage' && !hasOutcome) context.interrupted.add(identityOf(delivered));
      abort.abort(leaseLost({ id: task.id, queue, problem }));
    },
  });
  const work = async () => {
    const leftMs = Math.max(0, (delivered.dueMs ?? 0) - clock.now());
    if (isLate || leftMs > 0) return await giveBack(leftMs);
    const outcome = await runAttempt(delivered, task, { ...context, redelivered: receives > 1 }, abort.signal);
    hasOutcome = true;
    const recording = {
      ...context,
      remove: lease.remove,
      sendToWait: (travel: Travel, { delayMs }: { readonly delayMs: number }) =>
        publisher.resend(queue, delivered, travel, delayMs),
    };
    await recordUntilDone(outcome, delivered, recording, abort.signal);
  };
  const sendBack = async (delayMs: number) => {
    try {
      await publisher.resend(queue, delivered, read, delayMs);
      await lease.remove();
    } catch (error) {
      const fields = { err: error, queue, task: delivered.id };
      logger.warn(
        fields,
        'returning a task to its queue failed; SQS delivers it again when its visibility timeout ends',
      );
    }
  };
  let returned: Promise<void> | undefined;
  const giveBack = (delayMs: number): Promise<void> => {
    returned ??= sendBack(delayMs);
    return returned;
  };
  return {
    ended: runInScope(scopeOf(task, abort.signal), work).finally(lease.end),
    receivedAgain: (again) => lease.renewBy(again.ReceiptHandle ?? ''),
    async abandon(delayMs) {
      abort.abort(workerStopped(task));
      if (!hasOutcome) await giveBack(delayMs);
      lease.end();
    },
  };
}
