import type { Message } from '@aws-sdk/client-sqs';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { endOrGrace } from '../../../time/end-or-grace.ts';
import type { TaskWorker } from '../../task-queue.ts';
import { sqsError } from '../connection/faults.ts';
import type { SqsQueues } from '../connection/queues.ts';
import { attemptMessage, type DeliveryAttempt, type SqsWorkContext } from './delivery-attempt.ts';
import { receiveUntilStopped } from './receive.ts';

/** A worker that can be checked. */
export interface SqsWorker extends TaskWorker {
  /** Rejects with UNAVAILABLE `TASKS_UNAVAILABLE` while it gets no tasks. */
  check(): Promise<void>;
}

/** How long a stopping worker waits for its tasks in progress. */
const defaultStopGraceMs = 10_000;
/** How long a stop waits for SQS to take back the tasks in progress. */
const returnTimeoutMs = 800;
const maxVisibilityS = 43_200;

/** How long a stop waits for the last request. With a queue that has messages, it ends sooner. */
const pollGraceMs = 2_000;

/**
 * Creates a worker that receives by long polling. A stop waits a moment for the last request, returns what it brings, and then
 * closes it. SQS may give messages to a closed request, and hides them until their visibility timeout ends.
 */
export function createSqsWorker(queues: SqsQueues, context: SqsWorkContext, longPollS: number): SqsWorker {
  const { settings, clock, logger } = context;
  const { queue, concurrency, visibilityTimeoutMs } = settings;
  const visibilityS = Math.min(maxVisibilityS, Math.max(1, Math.ceil(visibilityTimeoutMs / 1_000)));
  const attempts = new Map<string, DeliveryAttempt>();
  const stopping = new AbortController();
  const cut = new AbortController();
  let room = Promise.withResolvers<void>();
  let failure: MeshError | undefined;
  let url = '';
  let polledUntilMs = 0;

  const endOne = (id: string) => {
    attempts.delete(id);
    room.resolve();
    room = Promise.withResolvers<void>();
  };
  const takeOne = (message: Message) => {
    // Not by the task: a message that was sent again is another message, with the same task.
    const { MessageId: id = '' } = message;
    const known = attempts.get(id);
    if (known) return known.receivedAgain(message);
    const attempt = attemptMessage({ message, url, visibilityS, isLate: stopping.signal.aborted }, context);
    attempts.set(id, attempt);
    void attempt.ended.then(() => endOne(id));
  };
  const polling = receiveUntilStopped({
    calls: context.calls,
    clock,
    async url() {
      ({ url } = await queues.ensure(queue));
      // By the clock of SQS, whatever that of this process is.
      polledUntilMs = performance.now() + longPollS * 1_000;
      return url;
    },
    room: () => concurrency - attempts.size,
    moreRoom: () => room.promise,
    waitS: longPollS,
    visibilityS,
    take(messages) {
      failure = undefined;
      for (const message of messages) takeOne(message);
    },
    failed(error) {
      failure = sqsError(error);
      queues.forget(queue);
    },
    stopping: stopping.signal,
    cut: cut.signal,
  });
  const ended = async () => {
    await polling;
    await Promise.all([...attempts.values()].map((one) => one.ended));
  };
  return {
    async check() {
      if (failure) throw failure;
    },
    async stop(graceMs = defaultStopGraceMs) {
      const endMs = clock.elapsedMs() + graceMs;
      stopping.abort();
      room.resolve();
      await endOrGrace(polling, Math.min(pollGraceMs, graceMs), clock);
      cut.abort();
      if ((await endOrGrace(ended(), Math.max(0, endMs - clock.elapsedMs()), clock)) === 'ended') return;
      // Not to be given to the request that was cut.
      const delayMs = Math.max(0, polledUntilMs - performance.now());
      const returned = Promise.all([...attempts.values()].map((one) => one.abandon(delayMs)));
      if ((await endOrGrace(returned, returnTimeoutMs, clock)) === 'late')
        logger.warn(
          { queue },
          'worker stopped with tasks in progress; SQS delivers them again when their visibility timeout ends',
        );
    },
  };
}
