import type { Message } from '@aws-sdk/client-sqs';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { TaskDeadLetters } from '../../brokered/dead-letters/task-dead-letters.ts';
import { identityOf } from '../../brokered/delivered-task.ts';
import { taskRejected } from '../../errors.ts';
import type { SqsCalls } from '../connection/calls.ts';
import type { SqsDeadLetterQueue, SqsQueues } from '../connection/queues.ts';
import { readMessage } from '../messages/message.ts';
import { receiveUntilStopped } from '../work/receive.ts';

export interface CollectOptions {
  readonly queue: string;
  readonly queues: SqsQueues;
  readonly calls: SqsCalls;
  readonly deadLetters: Pick<TaskDeadLetters, 'add'>;
  readonly longPollS: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const visibilityS = 30;
const batch = 10;

/** Between two requests to a dead letter queue that also has messages of others. */
const sharedPauseMs = 5_000;

/**
 * Lists what SQS moves to the dead letter queue of a queue: messages that were received three times without an outcome. Each
 * is written to the database, and only then deleted. Queues may share a dead letter queue: messages of others stay in it.
 * Returns a function that ends it.
 */
export function collectMoved({
  queue,
  queues,
  calls,
  deadLetters,
  longPollS,
  clock,
  logger,
}: CollectOptions): () => Promise<void> {
  const stopping = new AbortController();
  const failed = (error: unknown) =>
    logFailedAttempt(
      { logger, clock },
      { err: error, queue },
      'listing messages of the dead letter queue in SQS failed; retrying',
    );
  let isSharedLogged = false;
  const leave = async ({ ReceiptHandle = '' }: Message, url: string) => {
    const request = { QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 };
    await calls.call((sqs, options) => sqs.changeMessageVisibility(request, options));
    if (!isSharedLogged)
      logger.warn({ queue }, 'dead letter queue in SQS has messages of other queues too: they stay in it');
    isSharedLogged = true;
    await sleep(clock, sharedPauseMs, stopping.signal);
  };
  const write = async (message: Message, letters: SqsDeadLetterQueue): Promise<void> => {
    const { url } = letters;
    try {
      if (!isFrom(letters, message)) return await leave(message, url);
      await addDeadLetter(deadLetters, queue, message, clock.now());
      const request = { QueueUrl: url, ReceiptHandle: message.ReceiptHandle ?? '' };
      await calls.call((sqs, options) => sqs.deleteMessage(request, options));
    } catch (error) {
      // SQS delivers it again.
      failed(error);
    }
  };
  let writing: Promise<unknown> = Promise.resolve();
  let isWriting = false;
  let letters: SqsDeadLetterQueue | undefined;
  const ended = receiveUntilStopped({
    calls,
    clock,
    async url() {
      letters = await queues.deadLettersOf(queue);
      return letters?.url;
    },
    room: () => (isWriting ? 0 : batch),
    moreRoom: async () => void (await writing),
    waitS: longPollS,
    visibilityS,
    take(messages) {
      const from = letters;
      if (!from) return;
      isWriting = true;
      writing = Promise.all(messages.map((message) => write(message, from))).finally(() => {
        isWriting = false;
      });
    },
    failed(error) {
      queues.forget(queue);
      failed(error);
    },
    stopping: stopping.signal,
    cut: stopping.signal,
  });
  return async () => {
    stopping.abort();
    await ended;
    await writing;
  };
}

/** Whether SQS moved a message from this queue. What a program sent here itself names no queue. */
function isFrom({ sourceArn, isOwn }: SqsDeadLetterQueue, { Attributes }: Message): boolean {
  const source = Attributes?.DeadLetterQueueSourceArn;
  return source === undefined ? isOwn : source === sourceArn;
}

async function addDeadLetter(
  deadLetters: Pick<TaskDeadLetters, 'add'>,
  queue: string,
  message: Message,
  nowMs: number,
): Promise<void> {
  const read = readMessage(message, nowMs);
  const { id: subjectId, payload, headers, attempts, cutOffs, firstTimeMs = nowMs, problem } = read;
  const error = 'SQS moved it to the dead letter queue: it was received too often without an outcome';
  await deadLetters.add(identityOf(read), {
    origin: queue,
    reason: taskRejected.reason,
    error: problem === undefined ? error : `${error}; some of it is invalid: ${problem}`,
    attempts: attempts + cutOffs + 1,
    payload,
    headers,
    subjectId,
    firstTimeMs,
  });
}
