import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetter } from '../dead-letters/dead-letters.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { uuidv7 } from '../ids/ids.ts';
import { currentScope, runInScope } from '../telemetry/call-scope.ts';
import { eventually } from '../testing/eventually.ts';
import type { NewTask, Task, TaskQueue } from './task-queue.ts';

/** What an implementation of the queue does beyond what all of them do. */
export interface TaskQueueFeatures {
  /** A queue that holds an id does not take it twice. */
  readonly deduplicates: boolean;
  /** `depth` counts the tasks that are being worked on. */
  readonly countsTasksInHand: boolean;
}

/** What every task queue must do. `open` gives a queue for one test, which closes it; several may stand on one server. */
export function describeTaskQueue(name: string, open: () => Promise<TaskQueue>, features: TaskQueueFeatures): void {
  describe(`${name}, a task queue`, () => {
    let tasks: TaskQueue;
    let queue: string;

    beforeEach(async () => {
      tasks = await open();
      queue = `queue-${uuidv7()}`;
    });

    afterEach(() => tasks.close());

    const deadLetters = async (): Promise<DeadLetter[]> =>
      await Array.fromAsync(tasks.deadLetters.list({ origin: queue }, ''));
    const oneDeadLetter = () =>
      eventually(async () => {
        const [letter] = await deadLetters();
        return letter ?? expect.fail('no dead letter yet');
      });
    const emptyQueue = () => eventually(async () => expect(await tasks.depth(queue)).toBe(0));

    it('keeps tasks for a worker that comes later, with their bytes and headers', async () => {
      const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
      await tasks.enqueue(queue, [{ id: 'a', payload, headers: { template: 'order-placed' } }]);
      expect(await tasks.depth(queue)).toBe(1);
      const seen: Task[] = [];
      await tasks.work({ queue, handle: async (task) => void seen.push(task) });
      await emptyQueue();
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({ id: 'a', queue, attempt: 1, lastAttempt: false });
      expect(seen[0]?.headers).toMatchObject({ template: 'order-placed' });
      expect(Buffer.from(seen[0]?.payload ?? [])).toEqual(Buffer.from(payload));
    });

    it('wakes a worker that has nothing to do', async () => {
      const done: string[] = [];
      await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
      await tasks.enqueue(queue, newTasks(1));
      await eventually(() => expect(done).toEqual(['t-0']));
      await tasks.enqueue(queue, [newTask('later')]);
      await eventually(() => expect(done).toEqual(['t-0', 'later']));
    });

    it('shares tasks among competing workers, each task with one of them', async () => {
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
      await emptyQueue();
      expect(taken.flat().toSorted()).toEqual(
        newTasks(20)
          .map((task) => task.id)
          .toSorted(),
      );
    });

    it('hands a worker no more tasks at a time than it asked for, and never fewer while there are some', async () => {
      let inHand = 0;
      let most = 0;
      const handle = async () => {
        most = Math.max(most, ++inHand);
        await new Promise(setImmediate);
        inHand -= 1;
      };
      await tasks.work({ queue, concurrency: 4, handle });
      await tasks.enqueue(queue, newTasks(40));
      await emptyQueue();
      expect(most).toBe(4);
    });

    it('keeps the queues apart', async () => {
      const other = `${queue}-other`;
      const done: string[] = [];
      await tasks.work({ queue: other, handle: async (task) => void done.push(task.queue) });
      await tasks.enqueue(queue, newTasks(2));
      await tasks.enqueue(other, newTasks(2));
      await eventually(() => expect(done).toEqual([other, other]));
      expect(await tasks.depth(queue)).toBe(2);
    });

    it.runIf(features.countsTasksInHand)('holds a task until its work is done', async () => {
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
      await emptyQueue();
    });

    it.runIf(features.deduplicates)(
      'does not take an id twice while it holds it, and takes it again afterwards',
      async () => {
        await tasks.enqueue(queue, [newTask('a'), newTask('a')]);
        await tasks.enqueue(queue, [newTask('a')]);
        expect(await tasks.depth(queue)).toBe(1);
        const done: string[] = [];
        await tasks.work({ queue, handle: async (task) => void done.push(task.id) });
        await emptyQueue();
        await tasks.enqueue(queue, [newTask('a')]);
        await eventually(() => expect(done).toEqual(['a', 'a']));
      },
    );

    it('tries again after growing delays what failed', async () => {
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
      await emptyQueue();
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

    it('makes a dead letter of what failed at the last try, with all that is known of it', async () => {
      const beforeMs = Date.now();
      await tasks.work({
        queue,
        retryDelaysMs: [1, 1],
        handle: async () => Promise.reject(new Error('mailbox is full')),
      });
      await tasks.enqueue(queue, [{ id: 'a', payload: Buffer.from('hello'), headers: { to: 'bob' } }]);
      const letter = await oneDeadLetter();
      expect(letter).toMatchObject({
        source: 'task',
        origin: queue,
        reason: 'ATTEMPTS_EXHAUSTED',
        error: 'mailbox is full',
        attempts: 3,
        subjectId: 'a',
      });
      expect(letter.headers).toMatchObject({ to: 'bob' });
      expect(Buffer.from(letter.payload).toString()).toBe('hello');
      expect(letter.firstTimeMs).toBeGreaterThanOrEqual(beforeMs);
      expect(letter.lastTimeMs).toBeGreaterThanOrEqual(letter.firstTimeMs);
      expect(await tasks.deadLetters.get(letter.id)).toEqual(letter);
      await emptyQueue();
    });

    it('makes a dead letter at once of what no repetition helps', async () => {
      const refusal = new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'nobody@ is no address');
      await tasks.work({ queue, handle: async () => Promise.reject(refusal) });
      await tasks.enqueue(queue, newTasks(1));
      expect(await oneDeadLetter()).toMatchObject({
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
    ])('keeps a task for as long as what it depends on fails it, with code %i %s', async (code, reason) => {
      const attempts: number[] = [];
      const handle = async ({ attempt }: Task) => {
        attempts.push(attempt);
        if (attempts.length < 6) throw new MeshError(code, reason, 'it is not there');
      };
      await tasks.work({ queue, retryDelaysMs: [1, 1], handle });
      await tasks.enqueue(queue, newTasks(1));
      await emptyQueue();
      expect(attempts).toEqual([1, 1, 1, 1, 1, 1]);
      expect(await deadLetters()).toEqual([]);
    });

    it('gives a task all of its own attempts after it waited for something else', async () => {
      let calls = 0;
      const handle = async () => {
        calls += 1;
        if (calls <= 4) throw new MeshError(Status.UNAVAILABLE, 'MAIL_UNAVAILABLE', 'it is away');
        throw new Error('its own fault');
      };
      await tasks.work({ queue, retryDelaysMs: [1, 1], handle });
      await tasks.enqueue(queue, newTasks(1));
      expect(await oneDeadLetter()).toMatchObject({ attempts: 3, error: 'its own fault' });
      expect(calls).toBe(7);
    });

    it('makes a dead letter of what failed with something that is no error at all', async () => {
      await tasks.work({ queue, retryDelaysMs: [], handle: () => Promise.reject(Object.create(null)) });
      await tasks.enqueue(queue, newTasks(1));
      expect(await oneDeadLetter()).toMatchObject({ reason: 'ATTEMPTS_EXHAUSTED' });
    });

    it('goes on with the next task after one that failed', async () => {
      const done: string[] = [];
      const handle = async (task: Task) => {
        if (task.id === 't-0') throw new Error('always');
        done.push(task.id);
      };
      await tasks.work({ queue, concurrency: 1, retryDelaysMs: [], handle });
      await tasks.enqueue(queue, newTasks(3));
      await eventually(() => expect(done).toEqual(['t-1', 't-2']));
    });

    it('redrives a dead letter as a new task, from the first try', async () => {
      let healed = false;
      const attempts: number[] = [];
      const handle = async (task: Task) => {
        attempts.push(task.attempt);
        if (!healed) throw new Error('no route');
      };
      await tasks.work({ queue, retryDelaysMs: [1], handle });
      await tasks.enqueue(queue, newTasks(1));
      const letter = await oneDeadLetter();
      healed = true;
      expect(await tasks.deadLetters.redrive(letter.id)).toBe(true);
      await eventually(() => expect(attempts).toEqual([1, 2, 1]));
      await emptyQueue();
      expect(await deadLetters()).toEqual([]);
      expect(await tasks.deadLetters.redrive(letter.id)).toBe(false);
    });

    it('discards a dead letter for good', async () => {
      await tasks.work({ queue, retryDelaysMs: [], handle: async () => Promise.reject(new Error('no')) });
      await tasks.enqueue(queue, newTasks(1));
      const { id } = await oneDeadLetter();
      expect(await tasks.deadLetters.discard(id, 'a test address')).toBe(true);
      expect(await deadLetters()).toEqual([]);
      expect(await tasks.deadLetters.get(id)).toBeUndefined();
      expect(await tasks.deadLetters.discard(id, 'again')).toBe(false);
      expect(await tasks.deadLetters.redrive(id)).toBe(false);
    });

    it('finishes what is in hand when a worker stops, and leaves the rest to the next', async () => {
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

    it('works on a task in the scope of the call that sent it', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const scope = { requestId: 'r-1', traceparent, deadlineMs: Date.now() + 60_000, signal: undefined };
      const seen = Promise.withResolvers<ReturnType<typeof currentScope>>();
      await tasks.work({ queue, handle: async () => seen.resolve(currentScope()) });
      await runInScope(scope, () => tasks.enqueue(queue, newTasks(1)));
      const sameTrace = expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-/);
      expect(await seen.promise).toMatchObject({ requestId: 'r-1', traceparent: sameTrace, deadlineMs: undefined });
    });

    it('loses none of 1,000 tasks of which some fail for a while and some for good', async () => {
      const done = new Map<string, number>();
      const handle = async ({ id, attempt }: Task) => {
        const number = Number(id.slice(2));
        if (number % 50 === 0) throw new MeshError(Status.INVALID_ARGUMENT, 'ADDRESS_INVALID', 'no address');
        if (number % 5 === 1 && attempt < 3) throw new Error('try later');
        done.set(id, (done.get(id) ?? 0) + 1);
      };
      for (const _ of [1, 2]) await tasks.work({ queue, concurrency: 25, retryDelaysMs: [5, 10, 20], handle });
      await tasks.enqueue(queue, newTasks(1_000));
      await emptyQueue();
      expect(done.size).toBe(980);
      expect((await deadLetters()).map((letter) => letter.subjectId).toSorted()).toEqual(
        newTasks(1_000)
          .filter((_, index) => index % 50 === 0)
          .map((task) => task.id)
          .toSorted(),
      );
    });

    it('answers check while it can be used', async () => {
      await expect(tasks.check()).resolves.toBeUndefined();
    });
  });
}

function newTask(id: string): NewTask {
  return { id, payload: Buffer.from(id), headers: {} };
}

function newTasks(count: number): NewTask[] {
  return Array.from({ length: count }, (_, index) => newTask(`t-${index}`));
}
