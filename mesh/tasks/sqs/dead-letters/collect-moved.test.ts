import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import { answerOnce, fakeCalls, fakeQueues, type SqsRequest } from '../../testing/fake-sqs.ts';
import { collectMoved } from './collect-moved.ts';

const arnOf = (queue: string) => `arn:aws:sqs:eu-central-1:123:${queue}`;
const messageOf = (id: string, source?: string) => ({
  MessageId: id,
  ReceiptHandle: id,
  Body: id,
  Attributes: { ...(source !== undefined && { DeadLetterQueueSourceArn: arnOf(source) }) },
});
const messages = [messageOf('moved', 'mails'), messageOf('of-others', 'invoices'), messageOf('sent-by-hand')];

/** Collects from a dead letter queue with all kinds of messages. Returns what it did with each. */
async function collectFrom(isOwn: boolean): Promise<string[]> {
  const calls: string[] = [];
  const record = (what: string) => async (request: SqsRequest) => {
    calls.push(`${what} ${String(request.ReceiptHandle)}`);
    return {};
  };
  const sqs = fakeCalls({
    receiveMessage: answerOnce([{ Messages: messages }]),
    deleteMessage: record('delete'),
    changeMessageVisibility: record('leave'),
  });
  const end = collectMoved({
    queue: 'mails',
    queues: fakeQueues('mails', { isOwn }),
    calls: sqs,
    deadLetters: { add: async (_, { subjectId, origin }) => void calls.push(`list ${subjectId} of ${origin}`) },
    longPollS: 1,
    clock: systemClock,
    logger: createLogger('silent'),
  });
  onTestFinished(end);
  const outcomes = () => calls.filter((call) => !call.startsWith('list'));
  await eventually(() => expect(outcomes()).toHaveLength(messages.length));
  return calls.toSorted();
}

describe('a dead letter queue in SQS', () => {
  it('shared with other queues keeps their messages, and those of which nothing says whose they are', async () => {
    expect(await collectFrom(false)).toEqual([
      'delete moved',
      'leave of-others',
      'leave sent-by-hand',
      'list moved of mails',
    ]);
  });

  it('with the name of its queue keeps only the messages of other queues', async () => {
    const own = ['delete moved', 'delete sent-by-hand', 'list moved of mails', 'list sent-by-hand of mails'];
    expect(await collectFrom(true)).toEqual([...own, 'leave of-others'].toSorted());
  });
});
