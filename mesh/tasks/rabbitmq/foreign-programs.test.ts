import { expect, it } from 'vitest';
import { listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Task } from '../task-queue.ts';
import { describeRabbitmqTasks } from '../testing/rabbitmq-tasks.ts';
import { type Job, publishPlainly, workPlainly } from '../testing/reference.ts';

describeRabbitmqTasks(
  'tasks on RabbitMQ, next to programs that do not use the mesh',
  ({ defer, newQueue, open, server }) => {
    const job: Job = { to: 'user@example.com', template: 'welcome' };
    const jobOf = (task: Task): Job => JSON.parse(Buffer.from(task.payload).toString());

    it('include what those publish, with an id that stays', async () => {
      const queue = newQueue();
      const seen: Task[] = [];
      const tasks = await open();
      const handle = async (task: Task) => {
        seen.push(task);
        if (seen.length === 1) throw new Error('not yet');
      };
      await publishPlainly(server().url, queue, job);
      await tasks.work({ queue, retryDelaysMs: [1], handle });
      await publishPlainly(server().url, queue, job);
      await eventually(() => expect(seen).toHaveLength(3));
      expect(seen.map(jobOf)).toEqual([job, job, job]);
      expect(new Set(seen.map((task) => task.id)).size).toBe(2);
      expect(seen.filter((task) => task.id === seen[0]?.id).map((task) => task.attempt)).toEqual([1, 2]);
    });

    it('can be worked on by those', async () => {
      const queue = newQueue();
      const tasks = await open();
      await tasks.enqueue(queue, [{ id: 'a', payload: Buffer.from(JSON.stringify(job)), headers: {} }]);
      const seen: Job[] = [];
      defer(await workPlainly(server().url, queue, async (received) => void seen.push(received)));
      await eventually(() => expect(seen).toEqual([job]));
      await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
    });

    it('become dead letters when those reject them, and can be redriven', async () => {
      const queue = newQueue();
      const tasks = await open();
      await publishPlainly(server().url, queue, job);
      const end = await workPlainly(server().url, queue, () => Promise.reject(new Error('mailbox is full')));
      const dead = await oneDeadLetter(tasks);
      await end();
      expect(dead).toMatchObject({ source: 'task', origin: queue, reason: 'TASK_REJECTED', attempts: 1 });
      expect(JSON.parse(Buffer.from(dead.payload).toString())).toEqual(job);
      expect(await tasks.deadLetters.redrive(dead.id)).toBe(true);
      const seen: Task[] = [];
      await tasks.work({ queue, handle: async (task) => void seen.push(task) });
      await eventually(() => expect(seen.map(jobOf)).toEqual([job]));
      expect(await listDeadLetters(tasks)).toEqual([]);
    });
  },
);
