import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { startFaultProxy } from '../../testing/servers/fault-proxy.ts';
import { systemClock } from '../../time/clock.ts';
import { measureTasks } from '../open-tasks.ts';
import { newTask } from '../suite/fixture.ts';
import type { Task } from '../task-queue.ts';
import { describeRabbitmqTasks } from '../testing/rabbitmq-tasks.ts';

const logger = createLogger('silent');

const unavailable = { code: Status.UNAVAILABLE, reason: 'TASKS_UNAVAILABLE' };

describeRabbitmqTasks(
  'tasks on RabbitMQ when connection, worker or broker fails',
  ({ defer, folder, newQueue, open, openThroughProxy, server }) => {
    const program = fileURLToPath(new URL('../testing/hanging-rabbitmq-worker.ts', import.meta.url));

    /** Starts a worker in its own process and kills it when it has a task. Resolves with what it printed. */
    const killAtWork = async (queue: string): Promise<string> => {
      const args = [program, server().url, join(folder(), 'worker.db'), queue];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      return line.done ? 'it ended without a task' : line.value;
    };

    it.each(['requests', 'replies'] as const)('are all delivered although the %s were lost', async (way) => {
      const queue = newQueue();
      const { tasks, proxy } = await openThroughProxy();
      const direct = await open();
      await tasks.enqueue(queue, [newTask('first')]);
      proxy.blackHole(way);
      const enqueued = tasks.enqueue(queue, [newTask('a'), newTask('b')]);
      if (way === 'replies') await eventually(async () => expect(await direct.depth(queue)).toBe(3));
      else await new Promise(setImmediate);
      proxy.cut();
      proxy.heal();
      await enqueued;
      const done = new Set<string>();
      await direct.work({ queue, handle: async (task) => void done.add(task.id) });
      await eventually(() => expect([...done].toSorted()).toEqual(['a', 'b', 'first']));
    });

    it('are aborted if they were in progress, and retried', async () => {
      const queue = newQueue();
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
      'lose no attempt if they were in progress: %s',
      async (what, times) => {
        const queue = newQueue();
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
          await eventually(() => expect(attempts).toHaveLength(losses + 1), { timeoutMs: 20_000 });
          isOver = losses === times - 1;
          // The attempt began before the acknowledgement of the delivery that led to it was sent, and arrived.
          await eventually(async () => expect(await tasks.depth(queue)).toBe(1));
          await setTimeout(200);
          if (what === 'a connection that is cut') proxy.cut();
          else await server().restart();
        }
        await eventually(() => expect(attempts).toEqual(Array(times + 1).fill(1)), { timeoutMs: 20_000 });
        await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
        expect(await listDeadLetters(tasks)).toEqual([]);
      },
      120_000,
    );

    it('lose an attempt if the broker closes the channel because of them', async () => {
      const queue = newQueue();
      await server().control('eval', 'application:set_env(rabbit, consumer_timeout, 500).');
      await server().control('eval', 'application:set_env(rabbit, channel_tick_interval, 500).');
      try {
        const tasks = await open();
        const handle = (_task: Task, signal: AbortSignal) => once(signal, 'abort').then(() => undefined);
        await tasks.work({ queue, retryDelaysMs: [], handle });
        await tasks.enqueue(queue, [newTask('a')]);
        await eventually(
          async () =>
            expect(await listDeadLetters(tasks)).toMatchObject([
              { subjectId: 'a', reason: 'ATTEMPTS_EXHAUSTED', attempts: 3 },
            ]),
          { timeoutMs: 45_000 },
        );
      } finally {
        await server().control('eval', 'application:set_env(rabbit, consumer_timeout, 1800000).');
        await server().control('eval', 'application:set_env(rabbit, channel_tick_interval, 60000).');
      }
    }, 60_000);

    it('are UNAVAILABLE until the broker can be reached, and workers begin then', async () => {
      const queue = newQueue();
      const proxy = await startFaultProxy(server().port);
      await proxy.close();
      const tasks = await open(`amqp://127.0.0.1:${proxy.port}`);
      const done: string[] = [];
      await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
      await expect(tasks.enqueue(queue, [newTask('a')])).rejects.toMatchObject(unavailable);
      await expect(tasks.check()).rejects.toMatchObject(unavailable);
      await expect(tasks.depth(queue)).rejects.toMatchObject(unavailable);
      const again = await startFaultProxy(server().port, { port: proxy.port });
      defer(() => again.close());
      await eventually(() => tasks.enqueue(queue, [newTask('a')]));
      await eventually(() => expect(done).toEqual(['a']));
      await tasks.check();
    });

    it('become dead letters after they killed three times as many workers as there are attempts', async () => {
      const queue = newQueue();
      const metrics = createPrometheusMetrics({ clock: systemClock, logger });
      const tasks = measureTasks(await open(), { metrics, clock: systemClock });
      await tasks.enqueue(queue, [newTask('a')]);
      for (let kills = 0; kills < 6; kills += 1) expect(await killAtWork(queue)).toBe('a 1');
      const seen: Task[] = [];
      await tasks.work({ queue, retryDelaysMs: [1], handle: async (task) => void seen.push(task) });
      const dead = await oneDeadLetter(tasks);
      expect(dead).toMatchObject({ subjectId: 'a', reason: 'ATTEMPTS_EXHAUSTED', attempts: 6 });
      expect(seen).toEqual([]);
      const count = `ordermesh_tasks_attempts_total{queue="${queue}",outcome="dead"} 1`;
      await eventually(async () => expect((await metrics.scrape()).text).toContain(count));
    }, 60_000);

    it('are all done, with few repeats, if the broker is restarted and killed', async () => {
      const queue = newQueue();
      const tasks = await open();
      const done = new Map<string, number>();
      const handle = async ({ id, attempt }: Task) => {
        const number = Number(id.slice(2));
        if (number % 50 === 0) throw new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'no address');
        if (number % 5 === 1 && attempt < 3) throw new Error('try later');
        await setTimeout(5);
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
      await server().restart();
      await eventually(() => expect(done.size).toBeGreaterThan(400), { timeoutMs: 30_000 });
      await server().kill();
      await server().start();
      await eventually(() => expect(done.size).toBe(980), { timeoutMs: 40_000, intervalMs: 50 });
      await eventually(async () => expect(await tasks.depth(queue)).toBe(0), { timeoutMs: 10_000, intervalMs: 50 });
      const found = await listDeadLetters(tasks);
      expect(found.map((dead) => dead.reason)).toEqual(Array(20).fill('ADDRESS_INVALID'));
      // What was in hand at either end is done again: two workers, ten tasks each, twice.
      const again = [...done.values()].reduce((sum, times) => sum + times - 1, 0);
      expect(again).toBeLessThanOrEqual(60);
    }, 90_000);
  },
);
