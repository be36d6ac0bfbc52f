import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../../testing/test-clock.ts';
import { type Clock, systemClock } from '../../../time/clock.ts';
import { createRecentStamps } from '../../brokered/recent-stamps.ts';
import type { WorkOptions } from '../../task-queue.ts';
import { answerOnce, type FakeSqs, fakeCalls, fakeQueues } from '../../testing/fake-sqs.ts';
import { withDefaults } from '../../work-defaults.ts';
import { toMessage } from '../messages/message.ts';
import { createSqsPublisher } from '../publisher.ts';
import { createSqsWorker, type SqsWorker } from './worker.ts';

/** The message of task `a`, as SQS delivers it. */
function messageOf(id: string, { receiptHandle = id, dueMs }: { receiptHandle?: string; dueMs?: number } = {}) {
  const travel = { stamp: 'stamp', attempts: 0, cutOffs: 0, firstTimeMs: undefined, dueMs };
  const content = toMessage({ id: 'a', payload: Buffer.from('a'), headers: {} }, travel);
  return {
    MessageId: id,
    ReceiptHandle: receiptHandle,
    Body: content.MessageBody,
    MessageAttributes: content.MessageAttributes,
  };
}

function startWorker(sqs: FakeSqs, options: Omit<WorkOptions, 'queue'>, clock: Clock = systemClock): SqsWorker {
  const tools = { clock, logger: createLogger('silent') };
  const calls = fakeCalls(sqs);
  const queues = fakeQueues('mails');
  const publisher = createSqsPublisher(calls, queues, clock);
  const memory = { done: createRecentStamps(), interrupted: createRecentStamps() };
  const deadLetters = { add: async () => undefined };
  const settings = withDefaults({ ...options, queue: 'mails' });
  const worker = createSqsWorker(queues, { ...tools, ...memory, calls, publisher, settings, deadLetters }, 20);
  onTestFinished(() => worker.stop(0));
  return worker;
}

/** Stops a worker, with a grace of a minute, while time passes. */
async function stopOn(clock: TestClock, worker: SqsWorker): Promise<void> {
  let isStopped = false;
  void worker.stop(60_000).then(() => {
    isStopped = true;
  });
  await eventually(() => {
    if (!isStopped) clock.advance(100);
    expect(isStopped).toBe(true);
  });
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
  const receives = [
    messageOf('first', { receiptHandle: 'receive-1' }),
    messageOf('first', { receiptHandle: 'receive-2' }),
  ];
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

it('a stop closes the last request for messages after a moment, and waits for no grace if nothing is in progress', async () => {
  const clock = createTestClock();
  let isClosed = false;
  const receive = answerOnce([]);
  const receiveMessage: FakeSqs['receiveMessage'] = async (request, signal) => {
    signal.addEventListener('abort', () => {
      isClosed = true;
    });
    return await receive(request, signal);
  };
  const worker = startWorker({ receiveMessage }, { handle: async () => undefined }, clock);
  const startMs = clock.elapsedMs();
  await stopOn(clock, worker);
  expect(isClosed).toBe(true);
  expect(clock.elapsedMs() - startMs).toBeLessThan(10_000);
});

it('a stop returns what the last request brings, and begins none of it', async () => {
  const calls: string[] = [];
  const answer = Promise.withResolvers<unknown>();
  const polled = Promise.withResolvers<void>();
  const worker = startWorker(
    {
      async receiveMessage() {
        polled.resolve();
        return await answer.promise;
      },
      sendMessage: async ({ DelaySeconds }) => void calls.push(`send in ${String(DelaySeconds)} s`),
      deleteMessage: async ({ ReceiptHandle }) => void calls.push(`delete ${String(ReceiptHandle)}`),
    },
    { handle: async () => void calls.push('work') },
  );
  await polled.promise;
  const stopped = worker.stop();
  answer.resolve({ Messages: [messageOf('late')] });
  await stopped;
  expect(calls).toEqual(['send in 0 s', 'delete late']);
});

it('a task that is not due yet is sent back once, even if the worker stops meanwhile', async () => {
  let sent = 0;
  const gate = Promise.withResolvers<void>();
  const worker = startWorker(
    {
      receiveMessage: answerOnce([{ Messages: [messageOf('early', { dueMs: Date.now() + 3_600_000 })] }]),
      async sendMessage() {
        sent += 1;
        await gate.promise;
      },
    },
    { handle: async () => expect.fail('not due yet') },
  );
  await eventually(() => expect(sent).toBe(1));
  await worker.stop(0);
  gate.resolve();
  expect(sent).toBe(1);
});

it('a task that waits for longer than SQS delays is sent again until it is due, and only then worked on', async () => {
  const clock = createTestClock();
  const startMs = clock.now();
  const delaysS: number[] = [];
  const attempts: number[] = [];
  let queued: unknown[] = [messageOf('first')];
  let arrival = Promise.withResolvers<void>();
  const worker = startWorker(
    {
      async receiveMessage(_request, signal) {
        if (queued.length === 0) await Promise.race([arrival.promise, once(signal, 'abort')]);
        signal.throwIfAborted();
        const Messages = queued;
        [queued, arrival] = [[], Promise.withResolvers()];
        return { Messages };
      },
      // The queue has the message again when its delay has passed.
      async sendMessage({ MessageBody, MessageAttributes, DelaySeconds }) {
        const MessageId = `message-${delaysS.push(Number(DelaySeconds))}`;
        clock.after(Number(DelaySeconds) * 1_000, () => {
          queued.push({ MessageId, ReceiptHandle: MessageId, Body: MessageBody, MessageAttributes });
          arrival.resolve();
        });
      },
    },
    {
      retryDelaysMs: [2_300_000],
      async handle({ attempt }) {
        attempts.push(attempt);
        if (attempt === 1) throw new Error('not now');
      },
    },
    clock,
  );
  for (const sent of [1, 2, 3]) {
    await eventually(() => expect(delaysS).toHaveLength(sent));
    expect(attempts).toEqual([1]);
    clock.advance(Number(delaysS.at(-1)) * 1_000);
  }
  await eventually(() => expect(attempts).toEqual([1, 2]));
  // The delay of a retry varies by a tenth.
  expect(delaysS.slice(0, 2)).toEqual([900, 900]);
  expect(clock.now() - startMs).toBeGreaterThanOrEqual(2_070_000);
  expect(clock.now() - startMs).toBeLessThanOrEqual(2_531_000);
  await stopOn(clock, worker);
});
