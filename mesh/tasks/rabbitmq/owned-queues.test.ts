import amqp, { type Channel, type Options } from 'amqplib';
import { expect, it } from 'vitest';
import { oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTask } from '../suite/fixture.ts';
import type { Task, TaskQueue } from '../task-queue.ts';
import { describeRabbitmqTasks } from '../testing/rabbitmq-tasks.ts';
import { publishRaw, workPlainly } from '../testing/reference.ts';

const owners: readonly (readonly [string, Options.AssertQueue])[] = [
  ['the type quorum', { durable: true, arguments: { 'x-queue-type': 'quorum' } }],
  ['a dead letter exchange', { durable: true, deadLetterExchange: 'amq.fanout', deadLetterRoutingKey: 'dead' }],
  ['a time to live', { durable: true, messageTtl: 600_000 }],
  ['a maximum length', { durable: true, maxLength: 100, arguments: { 'x-overflow': 'reject-publish' } }],
  ['priorities', { durable: true, maxPriority: 10 }],
  ['no durability', { durable: false }],
];

describeRabbitmqTasks('tasks on RabbitMQ with queues that others declared', ({ defer, newQueue, open, server }) => {
  const asOwner = async (work: (channel: Channel) => Promise<unknown>) => {
    const connection = await amqp.connect(server().url);
    await work(await connection.createChannel());
    await connection.close();
  };

  /** A task fails twice, becomes a dead letter, and is done after its redrive. */
  const failThenRedrive = async (tasks: TaskQueue, queue: string) => {
    await tasks.enqueue(queue, [newTask('a')]);
    expect(await tasks.depth(queue)).toBe(1);
    const seen: Task[] = [];
    const handle = async (task: Task) => {
      seen.push(task);
      if (seen.length <= 2) throw new Error('not yet');
    };
    await tasks.work({ queue, retryDelaysMs: [1], handle });
    const dead = await oneDeadLetter(tasks);
    expect(dead).toMatchObject({ origin: queue, subjectId: 'a', attempts: 2 });
    expect(await tasks.deadLetters.redrive(dead.id)).toBe(true);
    await eventually(() => expect(seen.map(({ id }) => id)).toEqual(['a', 'a', 'a']));
    await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
    await tasks.check();
  };

  it.each(owners)('use a queue with %s as it is', async (_, options) => {
    const queue = newQueue();
    await asOwner((channel) => channel.assertQueue(queue, options));
    await failThenRedrive(await open(), queue);
  });

  it('use an existing queue without the right to declare queues', async () => {
    const queue = newQueue();
    await asOwner((channel) => channel.assertQueue(queue, { durable: true }));
    await server().control('add_user', queue, 'secret');
    await server().control('set_permissions', queue, '^ordermesh\\.', '.*', '.*');
    await failThenRedrive(await open(`amqp://${queue}:secret@127.0.0.1:${server().port}`), queue);
  });

  it('can be redriven if they expired in their queue', async () => {
    const queue = newQueue();
    await asOwner((channel) => channel.assertQueue(queue, { durable: true, messageTtl: 1 }));
    const tasks = await open();
    await publishRaw(server().url, queue, [{ content: '{}' }]);
    const dead = await oneDeadLetter(tasks);
    expect(dead).toMatchObject({ origin: queue, error: 'rejected by a worker or the broker: expired' });
    const seen: Task[] = [];
    await tasks.work({ queue, handle: async (task) => void seen.push(task) });
    expect(await tasks.deadLetters.redrive(dead.id)).toBe(true);
  });

  it('become dead letters through an exchange and a queue that are declared otherwise', async () => {
    const queue = newQueue();
    await asOwner(async (channel) => {
      await channel.deleteQueue('ordermesh.rejected');
      await channel.deleteExchange('ordermesh.rejected');
      await channel.assertExchange('ordermesh.rejected', 'topic', { durable: true });
      await channel.assertQueue('ordermesh.rejected', { durable: true });
      await channel.bindQueue('ordermesh.rejected', 'ordermesh.rejected', '#');
    });
    const tasks = await open();
    await tasks.enqueue(queue, [{ ...newTask('a'), payload: Buffer.from('{}') }]);
    defer(await workPlainly(server().url, queue, () => Promise.reject(new Error('no'))));
    expect(await oneDeadLetter(tasks)).toMatchObject({ origin: queue, reason: 'TASK_REJECTED' });
  });
});
