import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../ids/ids.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { type CapturedLog, captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import type { Task, TaskQueue } from '../task-queue.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

const unavailable = { code: Status.UNAVAILABLE, reason: 'TASKS_UNAVAILABLE' };
/** A stop gives the tasks in hand 10 s; the rest is what the broker may be asked for in vain. */
const stopBoundMs = 18_000;

describeWithServer(rabbitmq, 'a task queue whose RabbitMQ is blocked', () => {
  let server: RabbitmqServer;
  let folder: TempFolder;
  let storage: Storage;
  let queue: string;
  let log: CapturedLog;
  let tasks: TaskQueue;
  let relieve: () => Promise<void> | void;

  beforeAll(async () => {
    server = await startRabbitmq();
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
    queue = `queue-${uuidv7()}`;
    log = captureLog();
    relieve = () => undefined;
    tasks = await openRabbitmqTasks(server.url, { open: async () => storage, clock: systemClock, logger: log.logger });
  });
  afterEach(async () => {
    await relieve();
    await tasks.close();
    await storage.close();
    await folder[Symbol.asyncDispose]();
  }, 60_000);

  const newTask = (id: string) => ({ id, payload: Buffer.from(id), headers: {} });
  const newTasks = (count: number) => Array.from({ length: count }, (_, index) => newTask(`t-${index}`));
  const block = async () => {
    const end = await server.raiseAlarm();
    relieve = end;
    // RabbitMQ blocks a connection when that publishes, and says so.
    const held = tasks.enqueue(`other-${queue}`, [newTask('held')]).catch((error: unknown) => error);
    await eventually(() => expect(tasks.check()).rejects.toThrow(/blocked by an alarm/));
    return { end, held };
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const beginMs = performance.now();
    await work();
    return performance.now() - beginMs;
  };

  describe('by an alarm', () => {
    it('continues to work on queued tasks and logs that it accepts no more', async () => {
      await tasks.enqueue(queue, newTasks(100));
      const { end, held } = await block();
      const done = new Map<string, number>();
      await tasks.work({ queue, handle: async ({ id }) => void done.set(id, (done.get(id) ?? 0) + 1) });
      await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
      expect([...done.values()]).toEqual(Array(100).fill(1));
      await expect(tasks.enqueue(queue, [newTask('more')])).rejects.toMatchObject(unavailable);
      await end();
      await eventually(() => tasks.check());
      await tasks.enqueue(queue, [newTask('more')]);
      await held;
      const logged = log.lines.map(({ level, msg }) => `${level} ${msg}`).filter((line) => line.includes('accepts'));
      expect(logged).toEqual([
        'warn RabbitMQ accepts no tasks because of an alarm; they wait in the outboxes',
        'info RabbitMQ accepts tasks again',
      ]);
    }, 60_000);

    it('does a task once that a sender sends repeatedly meanwhile', async () => {
      await tasks.enqueue(queue, [newTask('first')]);
      const end = await server.raiseAlarm();
      relieve = end;
      const seen: string[] = [];
      const send = () => tasks.enqueue(queue, [newTask('a')]);
      // As an outbox does, until it is accepted. The first call fails after 10 s.
      for (let calls = 0; calls < 3; calls += 1) await expect(send()).rejects.toMatchObject(unavailable);
      await end();
      // What the first call wrote arrives now.
      await eventually(async () => expect(await tasks.depth(queue)).toBe(2));
      // It may arrive before this connection learns that it is free again.
      await eventually(() => tasks.check());
      await send();
      await tasks.work({ queue, handle: async ({ id }) => void seen.push(id) });
      await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
      expect(seen.toSorted()).toEqual(['a', 'first']);
    }, 60_000);

    it('does not repeat work whose failure cannot be recorded yet', async () => {
      await tasks.enqueue(queue, [newTask('a')]);
      const { end } = await block();
      const attempts: number[] = [];
      const handle = async ({ attempt }: Task) => {
        attempts.push(attempt);
        if (attempt === 1) throw new Error('not yet');
      };
      await tasks.work({ queue, retryDelaysMs: [1, 1], handle });
      await eventually(() =>
        expect(log.lines.map(({ msg }) => msg).join()).toContain('recording the outcome of a task failed'),
      );
      expect(attempts).toEqual([1]);
      await end();
      await eventually(() => expect(attempts).toEqual([1, 2]));
    }, 60_000);

    it('stops in time with work whose failure is not recorded', async () => {
      await tasks.enqueue(queue, [newTask('a')]);
      await block();
      await tasks.work({ queue, retryDelaysMs: [1], handle: () => Promise.reject(new Error('no')) });
      await eventually(() =>
        expect(log.lines.map(({ msg }) => msg).join()).toContain('recording the outcome of a task failed'),
      );
      expect(await timed(() => tasks.close())).toBeLessThan(stopBoundMs);
    }, 60_000);
  });

  describe('because it hangs', () => {
    it('answers within a bound and stops in time with work in progress', async () => {
      const started = Promise.withResolvers<void>();
      const handle = async (_task: Task, signal: AbortSignal) => {
        started.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      await tasks.work({ queue, handle });
      await tasks.enqueue(queue, [newTask('a')]);
      await started.promise;
      relieve = server.hang();
      const answers = [tasks.depth(queue), tasks.check(), tasks.enqueue(queue, [newTask('b')])];
      expect(await timed(() => Promise.allSettled(answers))).toBeLessThan(20_000);
      for (const answer of answers) await expect(answer).rejects.toMatchObject(unavailable);
      expect(await timed(() => tasks.close())).toBeLessThan(stopBoundMs);
    }, 90_000);

    it('stops in seconds without work in progress', async () => {
      await tasks.work({ queue, handle: async () => undefined });
      await tasks.check();
      relieve = server.hang();
      expect(await timed(() => tasks.close())).toBeLessThan(7_000);
    }, 60_000);
  });
});
