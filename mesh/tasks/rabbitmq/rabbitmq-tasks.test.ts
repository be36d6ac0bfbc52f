import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DeadLetter } from '../../dead-letters/dead-letters.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { uuidv7 } from '../../ids/ids.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { measureTasks } from '../measured-tasks.ts';
import { describeTaskQueue } from '../suite/task-queue.suite.ts';
import type { NewTask, Task, TaskQueue } from '../task-queue.ts';
import { type CutProxy, startCutProxy } from '../testing/cut-proxy.ts';
import { deleteQueue, type Job, publishPlainly, workPlainly } from '../testing/reference.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

const logger = createLogger('silent');
const unavailable = { code: Status.UNAVAILABLE, reason: 'TASKS_UNAVAILABLE' };

describeWithServer(rabbitmq, 'tasks on RabbitMQ', () => {
  let server: RabbitmqServer;
  let folder: string;
  let storage: Storage;
  let queue: string;
  let cleanups: (() => Promise<unknown>)[];

  beforeAll(async () => {
    server = await startRabbitmq();
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rabbitmq-tasks-'));
    storage = await openStorage(`sqlite:${join(folder, 'tasks.db')}`);
    queue = `queue-${uuidv7()}`;
    cleanups = [];
  });
  afterEach(async () => {
    for (const clean of cleanups.toReversed()) await clean();
    await storage.close();
    await rm(folder, { recursive: true });
  });

  const open = async (url = server.url, clock: Clock = systemClock): Promise<TaskQueue> => {
    const tasks = await openRabbitmqTasks(url, { storage, clock, logger });
    cleanups.push(() => tasks.close());
    return tasks;
  };
  const openThroughProxy = async (): Promise<{ tasks: TaskQueue; proxy: CutProxy }> => {
    const proxy = await startCutProxy(server.port);
    cleanups.push(() => proxy.close());
    return { tasks: await open(`amqp://127.0.0.1:${proxy.port}`), proxy };
  };
  const letters = (tasks: TaskQueue): Promise<DeadLetter[]> => Array.fromAsync(tasks.deadLetters.list({}, ''));
  const oneLetter = (tasks: TaskQueue): Promise<DeadLetter> =>
    eventually(async () => {
      const found = await letters(tasks);
      expect(found).toHaveLength(1);
      return found[0] ?? expect.fail('there is none');
    });

  describeTaskQueue('the RabbitMQ queue', (clock) => openRabbitmqTasks(server.url, { storage, clock, logger }), {
    deduplicates: false,
    countsTasksInHand: true,
  });

  describe('beside programs that know nothing of the mesh', () => {
    const job: Job = { to: 'user@example.com', template: 'welcome' };
    const jobOf = (task: Task): Job => JSON.parse(Buffer.from(task.payload).toString());

    it('works on what they publish, and gives it an id that stays', async () => {
      const seen: Task[] = [];
      const tasks = await open();
      const handle = async (task: Task) => {
        seen.push(task);
        if (seen.length === 1) throw new Error('not yet');
      };
      await publishPlainly(server.url, queue, job);
      await tasks.work({ queue, retryDelaysMs: [1], handle });
      await publishPlainly(server.url, queue, job);
      await eventually(() => expect(seen).toHaveLength(3));
      expect(seen.map(jobOf)).toEqual([job, job, job]);
      expect(new Set(seen.map((task) => task.id)).size).toBe(2);
      expect(seen.filter((task) => task.id === seen[0]?.id).map((task) => task.attempt)).toEqual([1, 2]);
    });

    it('has its tasks worked on by them', async () => {
      const tasks = await open();
      await tasks.enqueue(queue, [{ id: 'a', payload: Buffer.from(JSON.stringify(job)), headers: {} }]);
      const seen: Job[] = [];
      cleanups.push(await workPlainly(server.url, queue, async (received) => void seen.push(received)));
      await eventually(() => expect(seen).toEqual([job]));
      await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
    });

    it('finds what they reject among its dead letters, and redrives it', async () => {
      const tasks = await open();
      await publishPlainly(server.url, queue, job);
      const end = await workPlainly(server.url, queue, () => Promise.reject(new Error('mailbox is full')));
      const letter = await oneLetter(tasks);
      await end();
      expect(letter).toMatchObject({ source: 'task', origin: queue, reason: 'TASK_REJECTED', attempts: 1 });
      expect(JSON.parse(Buffer.from(letter.payload).toString())).toEqual(job);
      expect(await tasks.deadLetters.redrive(letter.id)).toBe(true);
      const seen: Task[] = [];
      await tasks.work({ queue, handle: async (task) => void seen.push(task) });
      await eventually(() => expect(seen.map(jobOf)).toEqual([job]));
      expect(await letters(tasks)).toEqual([]);
    });
  });

  describe('a task', () => {
    it('has the headers of its sender and no others, however often it was tried', async () => {
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

    it('that was tried before is a dead letter of its own queue when another program rejects it', async () => {
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
      cleanups.push(await workPlainly(server.url, queue, () => Promise.reject(new Error('no'))));
      expect(await oneLetter(tasks)).toMatchObject({
        origin: queue,
        reason: 'TASK_REJECTED',
        error: 'a worker or the broker gave it up: rejected',
        subjectId: 'a',
        attempts: 2,
        headers: { to: 'bob' },
      });
    });

    it('is refused when it is more than a message carries', async () => {
      const tasks = await open();
      const refused = { code: Status.INVALID_ARGUMENT, reason: 'TASK_REFUSED' };
      await expect(tasks.enqueue(queue, [newTask('x'.repeat(256))])).rejects.toMatchObject(refused);
      const headers = { big: 'x'.repeat(65 * 1024) };
      await expect(tasks.enqueue(queue, [{ ...newTask('a'), headers }])).rejects.toMatchObject(refused);
      await tasks.enqueue(queue, [newTask('a')]);
    });

    it('is taken by a new queue when its queue was deleted', async () => {
      const tasks = await open();
      await tasks.enqueue(queue, [newTask('a')]);
      await deleteQueue(server.url, queue);
      await tasks.enqueue(queue, [newTask('b')]);
      expect(await tasks.depth(queue)).toBe(1);
    });

    it('reaches a worker whose queue was deleted meanwhile', async () => {
      const tasks = await open();
      const done: string[] = [];
      await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
      await tasks.check();
      await deleteQueue(server.url, queue);
      await eventually(() => tasks.enqueue(queue, [newTask('a')]));
      await eventually(() => expect(done).toContain('a'));
    });
  });

  describe('a connection that is lost', () => {
    it.each(['requests', 'answers'] as const)('loses no task, though the %s were lost with it', async (way) => {
      const { tasks, proxy } = await openThroughProxy();
      const direct = await open();
      await tasks.enqueue(queue, [newTask('first')]);
      proxy.withhold(way);
      const enqueued = tasks.enqueue(queue, [newTask('a'), newTask('b')]);
      if (way === 'answers') await eventually(async () => expect(await direct.depth(queue)).toBe(3));
      else await new Promise(setImmediate);
      proxy.cut();
      await enqueued;
      const done = new Set<string>();
      await direct.work({ queue, handle: async (task) => void done.add(task.id) });
      await eventually(() => expect([...done].toSorted()).toEqual(['a', 'b', 'first']));
    });

    it('aborts what is in hand, which is tried again', async () => {
      const { tasks, proxy } = await openThroughProxy();
      const reasons: unknown[] = [];
      const attempts: number[] = [];
      const handle = async ({ attempt }: Task, signal: AbortSignal) => {
        attempts.push(attempt);
        if (attempts.length > 1) return;
        await once(signal, 'abort');
        reasons.push(signal.reason);
      };
      await tasks.work({ queue, retryDelaysMs: [1], handle });
      await tasks.enqueue(queue, [newTask('a')]);
      await eventually(() => expect(attempts).toEqual([1]));
      proxy.cut();
      await eventually(() => expect(attempts).toEqual([1, 1]));
      expect(reasons).toMatchObject([{ reason: 'LEASE_LOST' }]);
    });

    it.each([
      ['a connection that is cut', 12],
      ['a broker that is restarted', 1],
    ])(
      'uses up no attempt of a task that was in hand: %s',
      async (what, times) => {
        const { tasks, proxy } = await openThroughProxy();
        const attempts: number[] = [];
        let isOver = false;
        const handle = async ({ attempt }: Task, signal: AbortSignal) => {
          attempts.push(attempt);
          if (!isOver) await once(signal, 'abort');
        };
        await tasks.work({ queue, retryDelaysMs: [1], handle });
        await tasks.enqueue(queue, [newTask('a')]);
        for (let losses = 0; losses < times; losses += 1) {
          await vi.waitFor(() => expect(attempts).toHaveLength(losses + 1), { timeout: 20_000 });
          isOver = losses === times - 1;
          if (what === 'a connection that is cut') proxy.cut();
          else await server.restart();
        }
        await vi.waitFor(() => expect(attempts).toEqual(Array(times + 1).fill(1)), { timeout: 20_000 });
        await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
        expect(await letters(tasks)).toEqual([]);
      },
      120_000,
    );

    it('is an attempt of a task for which the broker closes the channel', async () => {
      await server.control('eval', 'application:set_env(rabbit, consumer_timeout, 500).');
      await server.control('eval', 'application:set_env(rabbit, channel_tick_interval, 500).');
      try {
        const tasks = await open();
        const handle = (_task: Task, signal: AbortSignal) => once(signal, 'abort').then(() => undefined);
        await tasks.work({ queue, retryDelaysMs: [], handle });
        await tasks.enqueue(queue, [newTask('a')]);
        await vi.waitFor(
          async () =>
            expect(await letters(tasks)).toMatchObject([{ subjectId: 'a', reason: 'ATTEMPTS_EXHAUSTED', attempts: 3 }]),
          { timeout: 45_000 },
        );
      } finally {
        await server.control('eval', 'application:set_env(rabbit, consumer_timeout, 1800000).');
        await server.control('eval', 'application:set_env(rabbit, channel_tick_interval, 60000).');
      }
    }, 60_000);

    it('is UNAVAILABLE until the broker can be reached, and workers begin then', async () => {
      const proxy = await startCutProxy(server.port);
      await proxy.close();
      const tasks = await open(`amqp://127.0.0.1:${proxy.port}`);
      const done: string[] = [];
      await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
      await expect(tasks.enqueue(queue, [newTask('a')])).rejects.toMatchObject(unavailable);
      await expect(tasks.check()).rejects.toMatchObject(unavailable);
      await expect(tasks.depth(queue)).rejects.toMatchObject(unavailable);
      const again = await startCutProxy(server.port, proxy.port);
      cleanups.push(() => again.close());
      await eventually(() => tasks.enqueue(queue, [newTask('a')]));
      await eventually(() => expect(done).toEqual(['a']));
      await tasks.check();
    });
  });

  it('says what to do when the broker refuses its user', async () => {
    const tasks = await open(`amqp://guest:wrong@127.0.0.1:${server.port}`);
    await expect(tasks.check()).rejects.toMatchObject(unavailable);
    await expect(tasks.check()).rejects.toThrow(/403 .*check user, password and permissions of TASKS_URL/);
  });

  describe('a worker that is killed', () => {
    const program = fileURLToPath(new URL('../testing/hanging-rabbitmq-worker.ts', import.meta.url));

    /** Starts a worker in a process of its own and kills it when it has a task; resolves with what it said of that. */
    const killAtWork = async (): Promise<string> => {
      const args = [program, server.url, join(folder, 'worker.db'), queue];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      return line.done ? 'it ended without a task' : line.value;
    };

    it('leaves its task to the next, until it has killed three times as many as there are attempts', async () => {
      const metrics = createPrometheusMetrics({ clock: systemClock, logger });
      const tasks = measureTasks(await open(), metrics);
      await tasks.enqueue(queue, [newTask('a')]);
      for (let kills = 0; kills < 6; kills += 1) expect(await killAtWork()).toBe('a 1');
      const seen: Task[] = [];
      await tasks.work({ queue, retryDelaysMs: [1], handle: async (task) => void seen.push(task) });
      const letter = await oneLetter(tasks);
      expect(letter).toMatchObject({ subjectId: 'a', reason: 'ATTEMPTS_EXHAUSTED', attempts: 6 });
      expect(seen).toEqual([]);
      const count = `ordermesh_tasks_attempts_total{queue="${queue}",outcome="dead"} 1`;
      await eventually(async () => expect((await metrics.scrape()).text).toContain(count));
    }, 60_000);
  });

  describe('a broker that is restarted, and killed', () => {
    it('loses none of 1,000 tasks, and repeats little more than what was in hand', async () => {
      const tasks = await open();
      const done = new Map<string, number>();
      const handle = async ({ id, attempt }: Task) => {
        const number = Number(id.slice(2));
        if (number % 50 === 0) throw new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'no address');
        if (number % 5 === 1 && attempt < 3) throw new Error('try later');
        await new Promise((resolve) => setTimeout(resolve, 5));
        done.set(id, (done.get(id) ?? 0) + 1);
      };
      for (const _ of [1, 2]) {
        await tasks.work({ queue, concurrency: 10, retryDelaysMs: [50, 100, 200, 400, 800, 1_600], handle });
      }
      await tasks.enqueue(
        queue,
        Array.from({ length: 1_000 }, (_, index) => newTask(`t-${index}`)),
      );
      await eventually(() => expect(done.size).toBeGreaterThan(100));
      await server.restart();
      await eventually(() => expect(done.size).toBeGreaterThan(400));
      await server.kill();
      await server.start();
      await vi.waitFor(() => expect(done.size).toBe(980), { timeout: 40_000, interval: 50 });
      await vi.waitFor(async () => expect(await tasks.depth(queue)).toBe(0), { timeout: 10_000, interval: 50 });
      const dead = await letters(tasks);
      expect(dead.map((letter) => letter.reason)).toEqual(Array(20).fill('ADDRESS_INVALID'));
      // What was in hand at either end is done again: two workers, ten tasks each, twice.
      const again = [...done.values()].reduce((sum, times) => sum + times - 1, 0);
      expect(again).toBeLessThanOrEqual(60);
    }, 90_000);
  });
});

function newTask(id: string): NewTask {
  return { id, payload: Buffer.from(id), headers: {} };
}
