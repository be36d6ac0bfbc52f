import { once } from 'node:events';
import { expect, it } from 'vitest';
import { currentScope, runInScope } from '../../telemetry/call-scope.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Task } from '../task-queue.ts';
import { expectEmpty, newTask, newTasks, type TestQueues } from './fixture.ts';

/** How every task queue delivers tasks. */
export function describeWorking({ open, features }: TestQueues): void {
  it('keeps tasks for a worker that comes later, with their bytes and headers', async () => {
    const { tasks, queue } = await open();
    const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
    await tasks.enqueue(queue, [{ id: 'a', payload, headers: { template: 'order-placed' } }]);
    expect(await tasks.depth(queue)).toBe(1);
    const seen: Task[] = [];
    await tasks.work({ queue, handle: async (task) => void seen.push(task) });
    await expectEmpty(tasks, queue);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ id: 'a', queue, attempt: 1, lastAttempt: false });
    expect(seen[0]?.headers).toMatchObject({ template: 'order-placed' });
    expect(Buffer.from(seen[0]?.payload ?? [])).toEqual(Buffer.from(payload));
  });

  it('wakes an idle worker', async () => {
    const { tasks, queue } = await open();
    const done: string[] = [];
    await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
    await tasks.enqueue(queue, newTasks(1));
    await eventually(() => expect(done).toEqual(['t-0']));
    await tasks.enqueue(queue, [newTask('later')]);
    await eventually(() => expect(done).toEqual(['t-0', 'later']));
  });

  it('gives each task to one of several competing workers', async () => {
    const { tasks, queue } = await open();
    const gate = Promise.withResolvers<void>();
    const taken: string[][] = [[], []];
    for (const mine of taken) {
      const handle = async (task: Task) => {
        mine.push(task.id);
        await gate.promise;
      };
      await tasks.work({ queue, concurrency: 3, handle });
    }
    await tasks.enqueue(queue, newTasks(20));
    await eventually(() => expect(taken.map((mine) => mine.length)).toEqual([3, 3]));
    gate.resolve();
    await expectEmpty(tasks, queue);
    expect(taken.flat().toSorted()).toEqual(
      newTasks(20)
        .map((task) => task.id)
        .toSorted(),
    );
  });

  it('counts tasks that are ready, running and delayed', async () => {
    const { tasks, queue } = await open();
    expect(await tasks.count(queue)).toEqual({ ready: 0, running: 0, delayed: 0 });
    await tasks.enqueue(queue, newTasks(3));
    await eventually(async () => expect(await tasks.count(queue)).toEqual({ ready: 3, running: 0, delayed: 0 }));
    const gate = Promise.withResolvers<void>();
    const handle = async ({ id }: Task) => {
      if (id === 't-0') throw new Error('not yet');
      await gate.promise;
    };
    await tasks.work({ queue, concurrency: 1, retryDelaysMs: [60_000], handle });
    await eventually(async () => expect(await tasks.count(queue)).toEqual({ ready: 1, running: 1, delayed: 1 }));
    gate.resolve();
    await eventually(async () => expect(await tasks.count(queue)).toEqual({ ready: 0, running: 0, delayed: 1 }));
  });

  it('gives a worker as many tasks at a time as it asked for, and no more', async () => {
    const { tasks, queue } = await open();
    let inHand = 0;
    let most = 0;
    const handle = async () => {
      most = Math.max(most, ++inHand);
      await new Promise(setImmediate);
      inHand -= 1;
    };
    await tasks.work({ queue, concurrency: 4, handle });
    await tasks.enqueue(queue, newTasks(40));
    await expectEmpty(tasks, queue);
    expect(most).toBe(4);
  });

  it('keeps the queues apart', async () => {
    const { tasks, queue } = await open();
    const other = `${queue}-other`;
    const done: string[] = [];
    await tasks.work({ queue: other, handle: async (task) => void done.push(task.queue) });
    await tasks.enqueue(queue, newTasks(2));
    await tasks.enqueue(other, newTasks(2));
    await eventually(() => expect(done).toEqual([other, other]));
    expect(await tasks.depth(queue)).toBe(2);
  });

  it.runIf(features.countsTasksInHand)('holds a task until its work is done', async () => {
    const { tasks, queue } = await open();
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const handle = async () => {
      started.resolve();
      await gate.promise;
    };
    await tasks.work({ queue, handle });
    await tasks.enqueue(queue, newTasks(1));
    await started.promise;
    expect(await tasks.depth(queue)).toBe(1);
    gate.resolve();
    await expectEmpty(tasks, queue);
  });

  it.runIf(features.deduplicates)('accepts an id once while it holds it, and again afterwards', async () => {
    const { tasks, queue } = await open();
    await tasks.enqueue(queue, [newTask('a'), newTask('a')]);
    await tasks.enqueue(queue, [newTask('a')]);
    expect(await tasks.depth(queue)).toBe(1);
    const done: string[] = [];
    await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
    await expectEmpty(tasks, queue);
    await tasks.enqueue(queue, [newTask('a')]);
    await eventually(() => expect(done).toEqual(['a', 'a']));
  });

  it('finishes the tasks in progress when a worker stops, and leaves the rest to the next worker', async () => {
    const { tasks, queue } = await open();
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const done: string[] = [];
    const handle = async (task: Task) => {
      started.resolve();
      await gate.promise;
      done.push(task.id);
    };
    const worker = await tasks.work({ queue, concurrency: 1, handle });
    await tasks.enqueue(queue, newTasks(3));
    await started.promise;
    const stopped = worker.stop();
    gate.resolve();
    await stopped;
    expect(done).toEqual(['t-0']);
    await tasks.work({ queue, handle });
    await eventually(() => expect(done.toSorted()).toEqual(['t-0', 't-1', 't-2']));
  });

  it('aborts a task that does not end within the grace of a stop, and does not count its attempt', async () => {
    const clock = createTestClock();
    const { tasks, queue } = await open(clock);
    const reasons: unknown[] = [];
    const started = Promise.withResolvers<void>();
    const handle = async (_task: Task, signal: AbortSignal) => {
      started.resolve();
      await once(signal, 'abort');
      reasons.push(signal.reason);
    };
    const worker = await tasks.work({ queue, handle });
    await tasks.enqueue(queue, newTasks(1));
    await started.promise;
    const stopped = worker.stop();
    await eventually(() => expect(clock.pendingMs()).toContain(10_000));
    clock.advance(10_000);
    await stopped;
    expect(reasons).toMatchObject([{ reason: 'WORKER_STOPPED' }]);
    const attempts: number[] = [];
    await tasks.work({ queue, handle: async ({ attempt }) => void attempts.push(attempt) });
    await eventually(() => expect(attempts).toEqual([1]));
  });

  it('runs a task in the scope of the call that sent it', async () => {
    const { tasks, queue } = await open();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const caller = { service: 'order', subject: 'Zoë', roles: ['gold', 'a,b'], expiresMs: 1 };
    const scope = { requestId: 'r-1', traceparent, deadlineMs: Date.now() + 60_000, signal: undefined, caller };
    const seen = Promise.withResolvers<ReturnType<typeof currentScope>>();
    await tasks.work({ queue, handle: async () => seen.resolve(currentScope()) });
    await runInScope(scope, () => tasks.enqueue(queue, newTasks(1)));
    const sameTrace = expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-/);
    expect(await seen.promise).toMatchObject({
      requestId: 'r-1',
      traceparent: sameTrace,
      deadlineMs: undefined,
      caller: { service: undefined, subject: 'Zoë', roles: [] },
      actor: 'service:order;user:Zo%C3%AB',
    });
  });

  it('passes its check while it can be used', async () => {
    const { tasks } = await open();
    await expect(tasks.check()).resolves.toBeUndefined();
  });
}
