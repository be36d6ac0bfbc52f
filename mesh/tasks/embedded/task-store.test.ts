import { once } from 'node:events';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import type { Task } from '../task-queue.ts';
import { withDefaults } from '../work-defaults.ts';
import { prepareTasks } from './damaged-tasks.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';
import type { LeasedTask } from './task-table.ts';
import { createWorker } from './worker.ts';

let folder: TempFolder;
let storage: Storage;
let clock: TestClock;
let notified: string[];
let store: TaskStore;

beforeEach(async () => {
  folder = await tempFolder();
  storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
  clock = createTestClock();
  notified = [];
  await prepareTasks(storage, 'tasks.db');
  store = await createTaskStore(storage, clock, (queue) => notified.push(queue));
});

afterEach(async () => {
  await storage.close();
  await folder[Symbol.asyncDispose]();
});

const claim = () => store.claim('q', { limit: 1, visibilityTimeoutMs: 1_000, longestDelayMs: 60_000 });
const claimOne = async (): Promise<LeasedTask> => {
  const [task] = (await claim()).tasks;
  return task ?? expect.fail('no task is due');
};

describe('a lease', () => {
  beforeEach(() => store.add('q', [{ id: 'a', payload: Buffer.from('a'), headers: {} }]));

  it('hides its task until it ends', async () => {
    await claimOne();
    clock.advance(999);
    expect(await claim()).toEqual({ tasks: [], nextDueTimeMs: clock.now() + 1, broughtForward: 0 });
    clock.advance(1);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });

  it('is extended by a renewal', async () => {
    const task = await claimOne();
    clock.advance(900);
    expect(await store.renew(task, 1_000)).toBe(true);
    clock.advance(999);
    expect((await claim()).tasks).toEqual([]);
  });

  it('has no effect once another worker has the task', async () => {
    const old = await claimOne();
    clock.advance(1_000);
    const current = await claimOne();
    notified.length = 0;
    expect(await store.renew(old, 5_000)).toBe(false);
    await store.complete(old);
    await store.retryLater('q', old, { delayMs: 0, counts: true, error: 'late' });
    await store.giveBack('q', old);
    await store.deadLetter('q', old, { reason: 'ATTEMPTS_EXHAUSTED', error: 'late' });
    expect(await store.depth('q')).toBe(1);
    expect((await claim()).tasks).toEqual([]);
    expect(await Array.fromAsync(store.deadLetters.list({}, ''))).toEqual([]);
    await store.complete(current);
    expect(await store.depth('q')).toBe(0);
  });

  it('ends with the process that held it', async () => {
    await claimOne();
    store = await createTaskStore(storage, clock, () => undefined);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });
});

describe('a reserved seat', () => {
  const newTask = (id: string) => ({ id, payload: Buffer.from(id), headers: { of: id } });
  const addTo = async (count: number, ...ids: readonly string[]) => {
    const filled: LeasedTask[][] = [];
    const seats = {
      count,
      visibilityTimeoutMs: 1_000,
      fill: (tasks: readonly LeasedTask[]) => filled.push([...tasks]),
    };
    await store.add('q', ids.map(newTask), seats);
    return filled;
  };

  it('gets its task with the commit, as a claim would return it', async () => {
    const [[seated] = []] = await addTo(1, 'a', 'b');
    expect(seated).toMatchObject({ ...newTask('a'), payload: new Uint8Array(Buffer.from('a')), attempt: 1 });
    expect(notified).toEqual(['q']);
    expect(await claimOne()).toMatchObject({ id: 'b', attempt: 1 });
    clock.advance(1_000);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });

  it('holds a lease, and wakes nobody if there is a seat for every task', async () => {
    const [[seated] = []] = await addTo(3, 'a');
    expect(notified).toEqual([]);
    expect((await claim()).tasks).toEqual([]);
    await store.complete(seated ?? expect.fail('it got no task'));
    expect(await store.depth('q')).toBe(0);
  });

  it('is freed if the queue holds the id, or the task cannot be added', async () => {
    expect(await addTo(2, 'a', 'a')).toMatchObject([[{ id: 'a' }]]);
    expect(await addTo(1, 'a')).toEqual([[]]);
    await storage.close();
    const filled: number[] = [];
    const seats = {
      count: 1,
      visibilityTimeoutMs: 1_000,
      fill: (tasks: readonly LeasedTask[]) => filled.push(tasks.length),
    };
    await expect(store.add('q', [newTask('b')], seats)).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    expect(filled).toEqual([0]);
  });
});

describe('a clock that is changed', () => {
  const dayMs = 86_400_000;
  beforeEach(() => store.add('q', [{ id: 'a', payload: Buffer.from('a'), headers: {} }]));

  it.each([dayMs, -dayMs])('neither ends a lease early nor extends it: by %i ms', async (byMs) => {
    await claimOne();
    clock.shift(byMs);
    clock.advance(999);
    expect((await claim()).tasks).toEqual([]);
    clock.advance(1);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });

  it.each([dayMs, -dayMs])('does not change the delay of a retry: by %i ms', async (byMs) => {
    await store.retryLater('q', await claimOne(), { delayMs: 5_000, counts: true, error: 'no' });
    clock.shift(byMs);
    clock.advance(4_999);
    expect((await claim()).tasks).toEqual([]);
    clock.advance(1);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });

  it('delays no task beyond the longest delay if it is set back before the next start', async () => {
    await store.retryLater('q', await claimOne(), { delayMs: 5_000, counts: true, error: 'no' });
    clock.shift(-dayMs);
    store = await createTaskStore(storage, clock, () => undefined);
    expect(await claim()).toMatchObject({ tasks: [{ id: 'a', attempt: 2 }], broughtForward: 1 });
    expect(await claim()).toMatchObject({ broughtForward: 0 });
  });
});

describe('a worker that stops', () => {
  it('stops even if its task cannot be returned, which is then available when its lease ends', async () => {
    await store.add('q', [{ id: 'a', payload: Buffer.from('a'), headers: {} }]);
    const started = Promise.withResolvers<void>();
    const handle = (_task: Task, signal: AbortSignal) => {
      started.resolve();
      return once(signal, 'abort').then(() => undefined);
    };
    const full = () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'STORAGE_FULL', 'full, says the test'));
    const settings = withDefaults({ queue: 'q', handle });
    const logger = createLogger('silent');
    const worker = createWorker({ store: { ...store, giveBack: full }, settings, clock, logger });
    worker.wake();
    await started.promise;
    const stopped = worker.stop();
    await eventually(() => expect(clock.pendingMs()).toContain(10_000));
    clock.advance(10_000);
    await stopped;
    clock.advance(settings.visibilityTimeoutMs);
    expect(await claimOne()).toMatchObject({ id: 'a', attempt: 2 });
  });
});

describe('a redriven dead letter', () => {
  it('wakes the workers of its queue, and merges with a task with the same id', async () => {
    await store.add('q', [{ id: 'a', payload: Buffer.from('first'), headers: {} }]);
    await store.deadLetter('q', await claimOne(), { reason: 'ATTEMPTS_EXHAUSTED', error: 'no' });
    await store.add('q', [{ id: 'a', payload: Buffer.from('second'), headers: {} }]);
    const [deadLetter] = await Array.fromAsync(store.deadLetters.list({}, ''));
    notified.length = 0;
    expect(await store.deadLetters.redrive(deadLetter?.id ?? '')).toBe(true);
    expect(notified).toEqual(['q']);
    expect(await store.depth('q')).toBe(1);
  });
});
