import type { Message } from '@aws-sdk/client-sqs';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { TaskDeadLetters } from '../../brokered/dead-letters/task-dead-letters.ts';
import { identityOf } from '../../brokered/delivered-task.ts';
import { taskRejected } from '../../errors.ts';
import type { SqsCalls } from '../connection/calls.ts';
import type { SqsQueues } from '../connection/queues.ts';
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

/**
 * Lists what SQS moves to the dead letter queue of a queue: messages that were received three times without an outcome. Each
 * is written to the database, and only then deleted. Returns a function that ends it.
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
    logFailedAttempt({ logger, clock }, { err: error, queue }, 'listing what SQS has put aside failed; retrying');
  const write = async (message: Message, url: string): Promise<void> => {
    try {
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
  let url: string | undefined;
  const ended = receiveUntilStopped({
    calls,
    clock,
    async url() {
      url = await queues.deadLetterUrl(queue);
      return url;
    },
    room: () => (isWriting ? 0 : batch),
    moreRoom: async () => void (await writing),
    waitS: longPollS,
    visibilityS,
    take(messages) {
      isWriting = true;
      writing = Promise.all(messages.map((message) => write(message, url ?? ''))).finally(() => {
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
