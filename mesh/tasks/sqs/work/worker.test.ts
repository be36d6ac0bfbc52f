import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import { createRecentStamps } from '../../brokered/recent-stamps.ts';
import type { WorkOptions } from '../../task-queue.ts';
import { answerOnce, type FakeSqs, fakeCalls, fakeQueues } from '../../testing/fake-sqs.ts';
import { withDefaults } from '../../work-defaults.ts';
import { toMessage } from '../messages/message.ts';
import { createSqsPublisher } from '../publisher.ts';
import { createSqsWorker, type SqsWorker } from './worker.ts';

/** The message of task `a`, as SQS delivers it. */
function messageOf(id: string, receiptHandle = id) {
  const travel = { stamp: 'stamp', attempts: 0, cutOffs: 0, firstTimeMs: undefined };
  const { MessageBody: Body, MessageAttributes } = toMessage(
    { id: 'a', payload: Buffer.from('a'), headers: {} },
    travel,
  );
  return { MessageId: id, ReceiptHandle: receiptHandle, Body, MessageAttributes };
}

function startWorker(sqs: FakeSqs, options: Omit<WorkOptions, 'queue'>): SqsWorker {
  const tools = { clock: systemClock, logger: createLogger('silent') };
  const calls = fakeCalls(sqs);
  const queues = fakeQueues('mails');
  const publisher = createSqsPublisher(calls, queues, systemClock);
  const memory = { done: createRecentStamps(), interrupted: createRecentStamps() };
  const deadLetters = { add: async () => undefined };
  const settings = withDefaults({ ...options, queue: 'mails' });
  const worker = createSqsWorker(queues, { ...tools, ...memory, calls, publisher, settings, deadLetters }, 20);
  onTestFinished(() => worker.stop(0));
  return worker;
}

it('a task that was sent again while its first message is held is a message of its own', async () => {
  const deleted: unknown[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const started: number[] = [];
  startWorker(
    {
      receiveMessage: answerOnce([{ Messages: [messageOf('first')] }, { Messages: [messageOf('copy')] }]),
      deleteMessage: async ({ ReceiptHandle }) => void deleted.push(ReceiptHandle),
    },
    { handle: () => gates[started.push(started.length) - 1]?.promise ?? expect.fail('a third attempt') },
  );
  await eventually(() => expect(started).toHaveLength(2));
  gates[0]?.resolve();
  await eventually(() => expect(deleted).toEqual(['first']));
  gates[1]?.resolve();
  await eventually(() => expect(deleted).toEqual(['first', 'copy']));
});

it('a message that SQS delivers again while it is worked on is held by its latest receive', async () => {
  const deleted: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const receives = [messageOf('first', 'receive-1'), messageOf('first', 'receive-2')];
  let attempts = 0;
  let isAllReceived = false;
  const receive = answerOnce(receives.map((message) => ({ Messages: [message] })));
  let polls = 0;
  startWorker(
    {
      receiveMessage: async (request, signal) => {
        polls += 1;
        isAllReceived = polls > receives.length;
        return await receive(request, signal);
      },
      deleteMessage: async ({ ReceiptHandle }) => void deleted.push(ReceiptHandle),
    },
    {
      async handle() {
        attempts += 1;
        await gate.promise;
      },
    },
  );
  await eventually(() => expect(isAllReceived).toBe(true));
  gate.resolve();
  await eventually(() => expect(deleted).toEqual(['receive-2']));
  expect(attempts).toBe(1);
});
