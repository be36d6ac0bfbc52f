import { describe, expect, it, onTestFinished } from 'vitest';
import { OrderEvent } from '../../gen/ts/order/v1/events.ts';
import { createLogger } from '../telemetry/logger.ts';
import { eventually } from '../testing/eventually.ts';
import { tempFolder } from '../testing/temp-folder.ts';
import { systemClock as clock } from '../time/clock.ts';
import { openEmbeddedTasks } from './embedded/embedded-tasks.ts';
import { createQueueWorker, defineQueue } from './queue.ts';
import type { Task } from './task-queue.ts';

interface PrintJob {
  readonly text: string;
}

const prints = defineQueue<PrintJob>('prints');

describe('a queue', () => {
  const received = (payload: Uint8Array): Task => {
    return { id: 'task-1', payload, headers: {}, queue: 'prints', attempt: 1, lastAttempt: false };
  };

  it('stores a job as JSON and returns it', () => {
    const task = prints.task('print-1', { text: 'hello' });
    expect(task).toEqual({
      queue: 'prints',
      id: 'print-1',
      payload: Buffer.from('{"text":"hello"}'),
      headers: { 'content-type': 'application/json' },
    });
    expect(prints.jobOf(received(task.payload))).toEqual({ text: 'hello' });
  });

  it('takes a generated message as its codec', () => {
    const orders = defineQueue('orders', OrderEvent);
    const message = OrderEvent.fromPartial({ orderId: 'order-1', version: 2n ** 60n });
    expect(orders.jobOf(received(orders.task('a', message).payload))).toEqual(message);
  });

  it.each(['hello', '[]', 'null'])('refuses the payload %s', (payload) => {
    expect(() => prints.jobOf(received(Buffer.from(payload)))).toThrow(
      expect.objectContaining({
        reason: 'UNDECODABLE',
        message: expect.stringMatching(/^task task-1 of queue prints cannot be read: /),
      }),
    );
  });
});

describe('a queue worker', () => {
  it('hands decoded jobs to its handler, and makes what it cannot decode a dead letter', async () => {
    await using folder = await tempFolder();
    const tasks = await openEmbeddedTasks(`${folder.path}/tasks.db`, { clock, logger: createLogger('silent') });
    onTestFinished(() => tasks.close());
    const printed: string[] = [];
    const worker = createQueueWorker({
      tasks,
      queue: prints,
      handle: async ({ text }, { id }) => void printed.push(`${id} ${text}`),
    });
    const { queue, ...task } = prints.task('print-1', { text: 'hello' });
    await tasks.enqueue(queue, [task, { ...task, id: 'print-2', payload: Buffer.from('?') }]);
    await worker.start();
    await eventually(() => expect(printed).toEqual(['print-1 hello']));
    await eventually(async () =>
      expect(await Array.fromAsync(tasks.deadLetters.list({}, ''))).toMatchObject([
        { origin: 'prints', subjectId: 'print-2', reason: 'UNDECODABLE', attempts: 1 },
      ]),
    );
    await worker.stop();
  });
});
