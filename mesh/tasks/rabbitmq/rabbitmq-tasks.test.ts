import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTask } from '../suite/fixture.ts';
import { describeTaskQueue } from '../suite/task-queue.suite.ts';
import type { Task } from '../task-queue.ts';
import { describeRabbitmqTasks } from '../testing/rabbitmq-tasks.ts';
import { deleteQueue, workPlainly } from '../testing/reference.ts';

describeRabbitmqTasks('tasks on RabbitMQ', ({ defer, newQueue, open, server }) => {
  describeTaskQueue('the RabbitMQ queue', (clock) => open(server().url, clock), {
    deduplicates: false,
    countsTasksInHand: true,
  });

  it('keep the headers of their sender and get no others, no matter how often they are retried', async () => {
    const queue = newQueue();
    const tasks = await open();
    const headers: Task['headers'][] = [];
    const worker = await tasks.work({
      queue,
      retryDelaysMs: [1, 1, 1],
      async handle(task) {
        headers.push(task.headers);
        if (headers.length < 4) throw new Error('not yet');
      },
    });
    await tasks.enqueue(queue, [{ ...newTask('a'), headers: { to: 'bob', 'content-type': 'text/plain' } }]);
    await eventually(() => expect(headers).toHaveLength(4));
    await worker.stop();
    const sent = { to: 'bob', 'content-type': 'text/plain' };
    expect(headers).toEqual([sent, sent, sent, sent]);
  });

  it('become dead letters of their own queue when another program rejects them after an attempt', async () => {
    const queue = newQueue();
    const tasks = await open();
    const failed = Promise.withResolvers<void>();
    const handle = async () => {
      failed.resolve();
      throw new Error('not yet');
    };
    const worker = await tasks.work({ queue, retryDelaysMs: [500], handle });
    await tasks.enqueue(queue, [{ ...newTask('a'), payload: Buffer.from('{}'), headers: { to: 'bob' } }]);
    await failed.promise;
    await worker.stop();
    defer(await workPlainly(server().url, queue, () => Promise.reject(new Error('no'))));
    expect(await oneDeadLetter(tasks)).toMatchObject({
      origin: queue,
      reason: 'TASK_REJECTED',
      error: 'rejected by a worker or the broker: rejected',
      subjectId: 'a',
      attempts: 2,
      headers: { to: 'bob' },
    });
  });

  it('are refused if they exceed what a message can carry', async () => {
    const queue = newQueue();
    const tasks = await open();
    const refused = { code: Status.INVALID_ARGUMENT, reason: 'TASK_REFUSED' };
    await expect(tasks.enqueue(queue, [newTask('x'.repeat(256))])).rejects.toMatchObject(refused);
    const headers = { big: 'x'.repeat(65 * 1024) };
    await expect(tasks.enqueue(queue, [{ ...newTask('a'), headers }])).rejects.toMatchObject(refused);
    await tasks.enqueue(queue, [newTask('a')]);
  });

  it('go to a new queue if their queue was deleted', async () => {
    const queue = newQueue();
    const tasks = await open();
    await tasks.enqueue(queue, [newTask('a')]);
    await deleteQueue(server().url, queue);
    await tasks.enqueue(queue, [newTask('b')]);
    expect(await tasks.depth(queue)).toBe(1);
  });

  it('reach a worker whose queue was deleted', async () => {
    const queue = newQueue();
    const tasks = await open();
    const done: string[] = [];
    await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
    await tasks.check();
    await deleteQueue(server().url, queue);
    await eventually(() => tasks.enqueue(queue, [newTask('a')]));
    await eventually(() => expect(done).toContain('a'));
  });

  it('report what to do when the broker refuses its user', async () => {
    const tasks = await open(`amqp://guest:wrong@127.0.0.1:${server().port}`);
    await expect(tasks.check()).rejects.toMatchObject({ code: Status.UNAVAILABLE, reason: 'TASKS_MISCONFIGURED' });
    await expect(tasks.check()).rejects.toThrow(/403 .*check user, password and permissions of TASKS_URL/);
  });
});
