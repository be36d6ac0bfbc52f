import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/servers/fault-proxy.ts';
import { newTask } from '../suite/fixture.ts';
import type { Task } from '../task-queue.ts';
import { describeSqsTasks } from '../testing/sqs-tasks.ts';

const slowly = { timeoutMs: 25_000, intervalMs: 100 };
const hangingWorker = fileURLToPath(new URL('../testing/hanging-sqs-worker.ts', import.meta.url));

describeSqsTasks('failures of tasks on SQS', ({ client, defer, folder, newQueue, open, server, url }) => {
  it('return a task whose worker was killed, as an interrupted attempt', async () => {
    const queue = newQueue();
    const tasks = await open();
    await tasks.enqueue(queue, [newTask('a')]);
    const args = [hangingWorker, url(), join(folder(), 'other.db'), queue];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    defer(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    expect(String((await once(child.stdout, 'data'))[0])).toBe('a 1\n');
    child.kill('SIGKILL');
    await exited;
    const done = Promise.withResolvers<number>();
    await tasks.work({ queue, retryDelaysMs: [1, 1], handle: async ({ attempt }) => done.resolve(attempt) });
    expect(await done.promise).toBe(1);
    await eventually(async () => expect(await tasks.depth(queue)).toBe(0), slowly);
  });

  it('never give a task to a second worker while the first one works, however long', async () => {
    const queue = newQueue();
    const [first, second] = [await open(), await open()];
    const gate = Promise.withResolvers<void>();
    let attempts = 0;
    const handle = async () => {
      attempts += 1;
      await gate.promise;
    };
    await first.enqueue(queue, [newTask('a')]);
    await first.work({ queue, visibilityTimeoutMs: 6_000, handle });
    await eventually(() => expect(attempts).toBe(1), slowly);
    await second.work({ queue, visibilityTimeoutMs: 6_000, handle });
    // Twice as long as it is hidden.
    const endMs = performance.now() + 12_000;
    await eventually(() => expect(performance.now()).toBeGreaterThan(endMs), slowly);
    gate.resolve();
    await eventually(async () => expect(await first.depth(queue)).toBe(0), slowly);
    expect(attempts).toBe(1);
  }, 60_000);

  it('refuse a task that is too large, and name both sizes', async () => {
    const queue = newQueue();
    const tasks = await open();
    const payload = Buffer.alloc(1_100_000, 'a');
    await expect(tasks.enqueue(queue, [{ ...newTask('a'), payload }])).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'TASK_REFUSED',
      message: expect.stringMatching(/has 1100\d{3} bytes, and queue queue-.* in SQS takes \d{6,7}; make it smaller/),
    });
    await expect(tasks.enqueue('no.name', [newTask('a')])).rejects.toMatchObject({ reason: 'TASK_REFUSED' });
  });

  it('make a message of another program that cannot be read a dead letter, and the others go on', async () => {
    const queue = newQueue();
    const tasks = await open();
    const done: string[] = [];
    await tasks.work({ queue, handle: async ({ payload }) => void done.push(Buffer.from(payload).toString()) });
    await eventually(() => client().getQueueUrl({ QueueName: queue }), slowly);
    const { QueueUrl } = await client().getQueueUrl({ QueueName: queue });
    const broken = { 'mesh-task': { DataType: 'String', StringValue: 'no JSON' } };
    await client().sendMessage({ QueueUrl, MessageBody: 'poison', MessageAttributes: broken });
    await client().sendMessage({ QueueUrl, MessageBody: '{"to":"user@example.com"}' });
    await eventually(() => expect(done).toEqual(['{"to":"user@example.com"}']), slowly);
    const dead = await eventually(() => oneDeadLetter(tasks), slowly);
    expect(dead).toMatchObject({ reason: 'UNDECODABLE', error: expect.stringContaining('mesh-task is no JSON') });
  });

  it('end with the server: calls are UNAVAILABLE while it is away, and the worker continues afterwards', async () => {
    const queue = newQueue();
    const tasks = await open();
    const done: string[] = [];
    await tasks.work({ queue, handle: async ({ id }) => void done.push(id) });
    await tasks.enqueue(queue, [newTask('before')]);
    await eventually(() => expect(done).toEqual(['before']), slowly);
    await server().kill();
    await expect(tasks.enqueue(queue, [newTask('a')])).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'TASKS_UNAVAILABLE',
    });
    await expect(tasks.check()).rejects.toMatchObject({ reason: 'TASKS_UNAVAILABLE' });
    await server().start();
    await eventually(() => tasks.enqueue(queue, [newTask('after')]), slowly);
    await eventually(() => expect(done).toContain('after'), slowly);
    await tasks.check();
  }, 200_000);

  it('by a server that does not answer cost the first caller 5 s and the next nothing, and lose no task', async () => {
    const queue = newQueue();
    const proxy = await startFaultProxy(server().port);
    defer(() => proxy.close());
    const tasks = await open(`sqs://elasticmq/?endpoint=http://127.0.0.1:${proxy.port}`);
    await tasks.enqueue(queue, [newTask('a')]);
    proxy.blackHole('requests');
    const unavailable = { code: Status.UNAVAILABLE, reason: 'TASKS_UNAVAILABLE' };
    await expect(tasks.enqueue(queue, [newTask('b')])).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('no answer within 5000 ms'),
    });
    const startMs = performance.now();
    await expect(tasks.enqueue(queue, [newTask('b')])).rejects.toMatchObject(unavailable);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    proxy.cut();
    proxy.heal();
    await eventually(() => tasks.enqueue(queue, [newTask('b')]), slowly);
    const done = new Set<string>();
    await tasks.work({ queue, handle: async ({ id }) => void done.add(id) });
    await eventually(() => expect([...done].toSorted()).toEqual(['a', 'b']), slowly);
  }, 90_000);

  it('that outlast the hold on a task abort its work, and the attempt does not count', async () => {
    const queue = newQueue();
    const proxy = await startFaultProxy(server().port);
    defer(() => proxy.close());
    const tasks = await open(`sqs://elasticmq/?endpoint=http://127.0.0.1:${proxy.port}`);
    const reasons: unknown[] = [];
    const attempts: number[] = [];
    const handle = async ({ attempt }: Task, signal: AbortSignal) => {
      attempts.push(attempt);
      if (attempts.length > 1) return;
      proxy.blackHole('requests');
      await once(signal, 'abort');
      reasons.push(signal.reason);
      proxy.cut();
      proxy.heal();
    };
    await tasks.work({ queue, visibilityTimeoutMs: 2_000, retryDelaysMs: [1], handle });
    await tasks.enqueue(queue, [newTask('a')]);
    await eventually(() => expect(attempts).toEqual([1, 1]), { timeoutMs: 60_000 });
    expect(reasons).toMatchObject([{ reason: 'LEASE_LOST' }]);
  }, 90_000);

  it('of the setup name what to do: a queue is missing that TASKS_URL does not create', async () => {
    const tasks = await open(url('&queues=existing'));
    await expect(tasks.enqueue(newQueue(), [newTask('a')])).rejects.toMatchObject({
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining('does not exist: create it, or let TASKS_URL create queues'),
    });
  });
});
