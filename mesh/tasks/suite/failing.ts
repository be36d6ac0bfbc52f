import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Task } from '../task-queue.ts';
import { deadLetterOf, deadLettersIn, expectEmpty, newTasks, type TestQueues } from './fixture.ts';

/** What every task queue does with tasks that fail. */
export function describeFailing({ open }: TestQueues): void {
  it('retries a failed task after growing delays', async () => {
    const { tasks, queue } = await open();
    const retryDelaysMs = [20, 80, 160];
    const times: number[] = [];
    const attempts: [number, boolean][] = [];
    const handle = async ({ attempt, lastAttempt }: Task) => {
      times.push(performance.now());
      attempts.push([attempt, lastAttempt]);
      if (attempt < 4) throw new Error('not yet');
    };
    await tasks.work({ queue, retryDelaysMs, handle });
    await tasks.enqueue(queue, newTasks(1));
    await expectEmpty(tasks, queue);
    expect(attempts).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [4, true],
    ]);
    retryDelaysMs.forEach((delayMs, index) => {
      // A timer of Node may fire up to a millisecond early.
      expect((times[index + 1] ?? 0) - (times[index] ?? 0)).toBeGreaterThanOrEqual(delayMs * 0.9 - 1);
    });
  });

  it('makes a task that fails at its last attempt a complete dead letter', async () => {
    const { tasks, queue } = await open();
    const beforeMs = Date.now();
    await tasks.work({
      queue,
      retryDelaysMs: [1, 1],
      handle: async () => Promise.reject(new Error('mailbox is full')),
    });
    await tasks.enqueue(queue, [{ id: 'a', payload: Buffer.from('hello'), headers: { to: 'bob' } }]);
    const dead = await deadLetterOf(tasks, queue);
    expect(dead).toMatchObject({
      source: 'task',
      origin: queue,
      reason: 'ATTEMPTS_EXHAUSTED',
      error: 'mailbox is full',
      attempts: 3,
      subjectId: 'a',
    });
    expect(dead.headers).toMatchObject({ to: 'bob' });
    expect(Buffer.from(dead.payload).toString()).toBe('hello');
    expect(dead.firstTimeMs).toBeGreaterThanOrEqual(beforeMs);
    expect(dead.lastTimeMs).toBeGreaterThanOrEqual(dead.firstTimeMs);
    expect(await tasks.deadLetters.get(dead.id)).toEqual(dead);
    await expectEmpty(tasks, queue);
  });

  it('makes a task that no retry can help a dead letter immediately', async () => {
    const { tasks, queue } = await open();
    const refusal = new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'nobody@ is no address');
    await tasks.work({ queue, handle: async () => Promise.reject(refusal) });
    await tasks.enqueue(queue, newTasks(1));
    expect(await deadLetterOf(tasks, queue)).toMatchObject({
      reason: 'ADDRESS_INVALID',
      error: 'nobody@ is no address',
      attempts: 1,
    });
  });

  it.each([
    [Status.UNAVAILABLE, 'MAIL_UNAVAILABLE'],
    [Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
    [Status.RESOURCE_EXHAUSTED, 'RESOURCE_EXHAUSTED'],
    [Status.UNIMPLEMENTED, 'UNKNOWN_METHOD'],
    [Status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
    [Status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
    [Status.INVALID_ARGUMENT, 'UNDECODABLE_MESSAGE'],
  ])('keeps a task while a dependency fails with code %i %s', async (code, reason) => {
    const { tasks, queue } = await open();
    const attempts: number[] = [];
    const handle = async ({ attempt }: Task) => {
      attempts.push(attempt);
      if (attempts.length < 6) throw new MeshError(code, reason, 'it is not there');
    };
    await tasks.work({ queue, retryDelaysMs: [1, 1], handle });
    await tasks.enqueue(queue, newTasks(1));
    await expectEmpty(tasks, queue);
    expect(attempts).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await deadLettersIn(tasks, queue)).toEqual([]);
  });

  it('gives a task all its attempts after it waited for a dependency', async () => {
    const { tasks, queue } = await open();
    let calls = 0;
    const handle = async () => {
      calls += 1;
      if (calls <= 4) throw new MeshError(Status.UNAVAILABLE, 'MAIL_UNAVAILABLE', 'it is away');
      throw new Error('its own fault');
    };
    await tasks.work({ queue, retryDelaysMs: [1, 1], handle });
    await tasks.enqueue(queue, newTasks(1));
    expect(await deadLetterOf(tasks, queue)).toMatchObject({ attempts: 3, error: 'its own fault' });
    expect(calls).toBe(7);
  });

  it('makes a task that throws something other than an error a dead letter', async () => {
    const { tasks, queue } = await open();
    await tasks.work({ queue, retryDelaysMs: [], handle: () => Promise.reject(Object.create(null)) });
    await tasks.enqueue(queue, newTasks(1));
    expect(await deadLetterOf(tasks, queue)).toMatchObject({ reason: 'ATTEMPTS_EXHAUSTED' });
  });

  it('continues with the next task after a failed one', async () => {
    const { tasks, queue } = await open();
    const done: string[] = [];
    const handle = async (task: Task) => {
      if (task.id === 't-0') throw new Error('always');
      done.push(task.id);
    };
    await tasks.work({ queue, concurrency: 1, retryDelaysMs: [], handle });
    await tasks.enqueue(queue, newTasks(3));
    await eventually(() => expect(done.toSorted()).toEqual(['t-1', 't-2']));
  });

  it('redrives a dead letter as a new task, from the first attempt', async () => {
    const { tasks, queue } = await open();
    let healed = false;
    const attempts: number[] = [];
    const handle = async (task: Task) => {
      attempts.push(task.attempt);
      if (!healed) throw new Error('no route');
    };
    await tasks.work({ queue, retryDelaysMs: [1], handle });
    await tasks.enqueue(queue, newTasks(1));
    const dead = await deadLetterOf(tasks, queue);
    healed = true;
    expect(await tasks.deadLetters.redrive(dead.id)).toBe(true);
    await eventually(() => expect(attempts).toEqual([1, 2, 1]));
    await expectEmpty(tasks, queue);
    expect(await deadLettersIn(tasks, queue)).toEqual([]);
    expect(await tasks.deadLetters.redrive(dead.id)).toBe(false);
  });

  it('discards a dead letter permanently', async () => {
    const { tasks, queue } = await open();
    await tasks.work({ queue, retryDelaysMs: [], handle: async () => Promise.reject(new Error('no')) });
    await tasks.enqueue(queue, newTasks(1));
    const { id } = await deadLetterOf(tasks, queue);
    expect(await tasks.deadLetters.discard(id, 'a test address')).toBe(true);
    expect(await deadLettersIn(tasks, queue)).toEqual([]);
    expect(await tasks.deadLetters.get(id)).toMatchObject({
      closing: { outcome: 'discarded', note: 'a test address' },
    });
    expect(await tasks.deadLetters.discard(id, 'again')).toBe(false);
    expect(await tasks.deadLetters.redrive(id)).toBe(false);
  });

  it('loses none of 1,000 tasks of which some fail for a while and some permanently', async () => {
    const { tasks, queue } = await open();
    const done = new Map<string, number>();
    const handle = async ({ id, attempt }: Task) => {
      const number = Number(id.slice(2));
      if (number % 50 === 0) throw new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'no address');
      if (number % 5 === 1 && attempt < 3) throw new Error('try later');
      done.set(id, (done.get(id) ?? 0) + 1);
    };
    for (const _ of [1, 2]) await tasks.work({ queue, concurrency: 25, retryDelaysMs: [5, 10, 20], handle });
    await tasks.enqueue(queue, newTasks(1_000));
    await expectEmpty(tasks, queue, 60_000);
    expect(done.size).toBe(980);
    expect((await deadLettersIn(tasks, queue)).map((dead) => dead.subjectId).toSorted()).toEqual(
      newTasks(1_000)
        .filter((_, index) => index % 50 === 0)
        .map((task) => task.id)
        .toSorted(),
    );
  }, 90_000);
}
