import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { anyText } from '../../testing/any-text.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { measureTasks } from '../open-tasks.ts';
import { describeTaskQueue } from '../suite/task-queue.suite.ts';
import type { NewTask, Task, TaskQueue } from '../task-queue.ts';
import { startCrashingWorker } from '../testing/crashing-worker.ts';
import { openEmbeddedTasks } from './embedded-tasks.ts';

const logger = createLogger('silent');
let folder: TempFolder;
let opened: TaskQueue[];

beforeEach(async () => {
  folder = await tempFolder();
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((tasks) => tasks.close()));
  await folder[Symbol.asyncDispose]();
});

const file = () => join(folder.path, 'tasks.db');
const open = async (clock: Clock) => {
  const tasks = await openEmbeddedTasks(file(), { clock, logger });
  opened.push(tasks);
  return tasks;
};

describeTaskQueue('the embedded queue', (clock) => openEmbeddedTasks(file(), { clock, logger }), {
  deduplicates: true,
  countsTasksInHand: true,
});

describe('the embedded queue and time', () => {
  let clock: TestClock;

  beforeEach(() => {
    clock = createTestClock();
  });

  /** When the timers of the queue are due, without the hourly purge of dead letters. */
  const pendingMs = () => clock.pendingMs().slice(0, -1);

  it('retries after a second, then five, ten percent more or less, by default', async () => {
    const tasks = await open(clock);
    const attempts: number[] = [];
    const handle = async ({ attempt }: Task) => {
      attempts.push(attempt);
      throw new Error('not yet');
    };
    await tasks.work({ queue: 'q', handle });
    await tasks.enqueue('q', [newTask('a')]);
    for (const [index, delayMs] of [1_000, 5_000, 30_000, 120_000, 600_000].entries()) {
      // Until the attempt has ended, the only timer is the one that renews its lease.
      const waitMs = await eventually(() => {
        expect(attempts).toHaveLength(index + 1);
        const [nextMs = 0, ...others] = pendingMs();
        expect(others).toEqual([]);
        expect(nextMs).toBeGreaterThanOrEqual(delayMs * 0.9);
        expect(nextMs).toBeLessThanOrEqual(delayMs * 1.1);
        return nextMs;
      });
      clock.advance(waitMs);
    }
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6]);
    const [dead] = await Array.fromAsync(tasks.deadLetters.list({}, ''));
    expect(dead).toMatchObject({ reason: 'ATTEMPTS_EXHAUSTED', attempts: 6, lastTimeMs: clock.now() });
  });

  it('sets no timer while a queue is empty', async () => {
    const tasks = await open(clock);
    const done: string[] = [];
    await tasks.work({ queue: 'q', handle: async (task) => void done.push(task.id) });
    await tasks.enqueue('q', [newTask('a')]);
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
    // The end of the lease that it had been given.
    clock.advance(60_000);
    await eventually(() => expect(pendingMs()).toEqual([]));
    expect(done).toEqual(['a']);
  });

  it('leaves a task with its worker, no matter how long it takes', async () => {
    const tasks = await open(clock);
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const handle = async () => {
      runs += 1;
      await gate.promise;
    };
    for (const _ of [1, 2]) await tasks.work({ queue: 'q', visibilityTimeoutMs: 3_000, handle });
    await tasks.enqueue('q', [newTask('a')]);
    await eventually(() => expect(runs).toBe(1));
    for (let turns = 0; turns < 10; turns += 1) {
      clock.advance(1_000);
      // One more round trip to the database than the renewal needs.
      expect(await tasks.depth('q')).toBe(1);
      await eventually(() => expect(clock.pendingMs()).toContain(1_000));
    }
    expect(runs).toBe(1);
    gate.resolve();
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
  });
});

describe('the embedded queue with arbitrary tasks', () => {
  it('makes failing tasks dead letters with their bytes, with any ids and headers', async () => {
    const tasks = await open(systemClock);
    const text = anyText({ maxLength: 300 });
    const name = fc.oneof(text, fc.constantFrom('traceparent', 'x-request-id', 'x-mesh-attempts', '__proto__', 'a\0b'));
    const anyTask = fc.record({
      id: anyText(),
      headers: fc.dictionary(name, text, { maxKeys: 5 }),
    });
    const sample = fc.sample(anyTask, { numRuns: 200, seed: 9 });
    const odd = sample.map(({ id, headers }, index) => ({
      id: `${index} ${id}`,
      headers,
      payload: Buffer.from([index]),
    }));
    await tasks.enqueue('q', odd);
    await tasks.work({ queue: 'q', retryDelaysMs: [1], handle: () => Promise.reject(new Error('it never works \0')) });
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
    const found = await Array.fromAsync(tasks.deadLetters.list({}, ''));
    expect(found).toHaveLength(200);
    expect(new Set(found.map(({ payload }) => payload[0])).size).toBe(200);
    expect(new Set(found.map(({ attempts }) => attempts))).toEqual(new Set([2]));
  });
});

describe('the embedded queue after a process whose clock was a day ahead', () => {
  const dayMs = 86_400_000;

  it('works on its tasks, new and retried, and logs that', async () => {
    const clock = createTestClock();
    clock.shift(dayMs);
    const ahead = await openEmbeddedTasks(file(), { clock, logger });
    const failed = Promise.withResolvers<void>();
    const handle = async () => {
      failed.resolve();
      throw new Error('not yet');
    };
    await ahead.enqueue('q', [newTask('tried')]);
    const worker = await ahead.work({ queue: 'q', handle });
    await failed.promise;
    await worker.stop();
    await ahead.enqueue('q', [newTask('new')]);
    await ahead.close();

    clock.shift(-dayMs);
    const { logger: warnings, lines } = captureLog({ level: 'warn' });
    const tasks = await openEmbeddedTasks(file(), { clock, logger: warnings });
    opened.push(tasks);
    const done: string[] = [];
    await tasks.work({ queue: 'q', handle: async ({ id }) => void done.push(id) });
    await eventually(() => expect(done.toSorted()).toEqual(['new', 'tried']));
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('a clock was ahead')]);
  });
});

describe('the embedded queue and the end of its process', () => {
  it('keeps queued tasks when it is reopened', async () => {
    const first = await openEmbeddedTasks(file(), { clock: systemClock, logger });
    await first.enqueue('q', [newTask('a')]);
    await first.close();
    const second = await open(systemClock);
    expect(await second.depth('q')).toBe(1);
    await expect(first.enqueue('q', [newTask('b')])).rejects.toMatchObject({ reason: 'TASKS_UNAVAILABLE' });
  });

  it('gives the task of a killed worker to the next one immediately', async () => {
    const killed = await startCrashingWorker(file(), 'q');
    expect(await killed.nextTask()).toBe('a');
    await killed.kill();
    const tasks = await open(systemClock);
    const seen: Task[] = [];
    await tasks.work({ queue: 'q', handle: async (task) => void seen.push(task) });
    await eventually(async () => expect(await tasks.depth('q')).toBe(0));
    expect(seen).toMatchObject([{ id: 'a', attempt: 2 }]);
  });

  it('makes a task a dead letter after it killed three times as many workers as there are attempts', async () => {
    for (let kills = 0; kills < 6; kills += 1) {
      const killed = await startCrashingWorker(file(), 'q');
      expect(await killed.nextTask()).toBe('a');
      await killed.kill();
    }
    const metrics = createPrometheusMetrics({ clock: systemClock, logger });
    const tasks = measureTasks(await open(systemClock), { metrics, clock: systemClock });
    const seen: Task[] = [];
    await tasks.work({ queue: 'q', retryDelaysMs: [1], handle: async (task) => void seen.push(task) });
    const deadLetters = await eventually(async () => {
      const found = await Array.fromAsync(tasks.deadLetters.list({}, ''));
      expect(found).toHaveLength(1);
      return found;
    });
    expect(deadLetters).toMatchObject([{ subjectId: 'a', reason: 'ATTEMPTS_EXHAUSTED', attempts: 6 }]);
    expect(seen).toEqual([]);
    const count = 'ordermesh_tasks_attempts_total{queue="q",outcome="dead"} 1';
    await eventually(async () => expect((await metrics.scrape()).text).toContain(count));
  }, 60_000);
});

function newTask(id: string): NewTask {
  return { id, payload: Buffer.from(id), headers: {} };
}
