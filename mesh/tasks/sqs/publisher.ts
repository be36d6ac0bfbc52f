import type { SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';
import type { Clock } from '../../time/clock.ts';
import { newTravel, type Travel } from '../brokered/delivered-task.ts';
import { taskRefused, tasksUnavailable } from '../errors.ts';
import type { NewTask } from '../task-queue.ts';
import type { SqsCalls } from './connection/calls.ts';
import type { SqsQueue, SqsQueues } from './connection/queues.ts';
import { checkSize, type SqsContent, sizeOf, toMessage } from './messages/message.ts';

/** Sends tasks. */
export interface SqsPublisher {
  /**
   * Resolves when SQS has stored all of them. If some could not be sent, the sender sends all again, so some may be queued
   * twice.
   */
  publish(queue: string, tasks: readonly NewTask[]): Promise<void>;
  /** Sends a delivered task again, with other values, to be received after `delayMs`, in whole seconds. */
  resend(queue: string, task: NewTask, travel: Travel, delayMs: number): Promise<void>;
}

/** The message of a task. */
interface Sized {
  readonly id: string;
  readonly content: SqsContent;
  readonly size: number;
}

const maxBatchEntries = 10;
const parallelBatches = 4;
// The longest DelaySeconds of SQS.
const maxDelayS = 900;

export function createSqsPublisher(calls: SqsCalls, queues: SqsQueues, clock: Clock): SqsPublisher {
  const sendBatch = async (queue: string, { url }: SqsQueue, batch: readonly Sized[]) => {
    const Entries = batch.map(
      ({ content }, index): SendMessageBatchRequestEntry => ({
        Id: `${index}`,
        MessageBody: content.MessageBody,
        MessageAttributes: content.MessageAttributes,
      }),
    );
    const { Failed = [] } = await calls.call((sqs, options) =>
      sqs.sendMessageBatch({ QueueUrl: url, Entries }, options),
    );
    const [failed] = Failed;
    if (!failed) return;
    const problem = `SQS did not take a task of queue ${queue}: ${failed.Code ?? ''} ${failed.Message ?? ''}`;
    if (/InvalidMessageContents|InvalidParameterValue/.test(failed.Code ?? ''))
      throw taskRefused({ id: batch[Number(failed.Id)]?.id ?? '', problem });
    throw tasksUnavailable({ problem });
  };
  return {
    publish: (queue, tasks) =>
      queues.with(queue, async (found) => {
        const contents = tasks.map((task) => {
          const content = toMessage(task, newTravel());
          checkSize(task.id, queue, content, found.maxBytes);
          return { id: task.id, content, size: sizeOf(content) };
        });
        const batches = batchesOf(contents, found.maxBytes).values();
        const sendSome = async () => {
          for (const batch of batches) await sendBatch(queue, found, batch);
        };
        await Promise.all(Array.from({ length: parallelBatches }, sendSome));
      }),
    resend: (queue, task, travel, delayMs) =>
      queues.with(queue, async ({ url, maxBytes }) => {
        const delayS = Math.ceil(delayMs / 1_000);
        const dueMs = delayS > maxDelayS ? clock.now() + delayMs : undefined;
        const content = toMessage(task, { ...travel, dueMs });
        checkSize(task.id, queue, content, maxBytes);
        const request = { QueueUrl: url, ...content, DelaySeconds: Math.min(delayS, maxDelayS) };
        await calls.call((sqs, options) => sqs.sendMessage(request, options));
      }),
  };
}

/** Splits messages into requests: each has ten at most, and together no more bytes than one message may have. */
function batchesOf(messages: readonly Sized[], maxBytes: number): Sized[][] {
  const batches: Sized[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const last = batches.at(-1);
    bytes += message.size;
    if (last === undefined || bytes > maxBytes || last.length === maxBatchEntries) {
      batches.push([message]);
      bytes = message.size;
    } else {
      last.push(message);
    }
  }
  return batches;
}
