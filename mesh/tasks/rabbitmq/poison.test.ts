import { join } from 'node:path';
import fc from 'fast-check';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { deadLettersToCount } from '../../dead-letters/testing/dead-letters.ts';
import { uuidv7 } from '../../ids/ids.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { anyText } from '../../testing/any-text.ts';
import { eventually } from '../../testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import type { Task, TaskQueue } from '../task-queue.ts';
import { declareOtherwise, deleteQueue, publishRaw } from '../testing/reference.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

describeWithServer(rabbitmq, 'unusual messages on RabbitMQ', () => {
  let server: RabbitmqServer;
  let folder: TempFolder;
  let storage: Storage;
  let queue: string;
  let tasks: TaskQueue;

  beforeAll(async () => {
    server = await startRabbitmq();
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
    queue = `queue-${uuidv7()}`;
    tasks = await openRabbitmqTasks(server.url, {
      open: async () => storage,
      clock: systemClock,
      logger: createLogger('silent'),
    });
  });
  afterEach(async () => {
    await tasks.close();
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  /** Works on the queue. Resolves with the tasks once the queue exists. */
  const workOn = async (handle: (task: Task) => Promise<void> = async () => undefined): Promise<Task[]> => {
    const seen: Task[] = [];
    await tasks.work({
      queue,
      retryDelaysMs: [1],
      handle: async (task) => {
        seen.push(task);
        await handle(task);
      },
    });
    await eventually(() => tasks.check());
    return seen;
  };
  const newTask = (id: string) => ({ id, payload: Buffer.from(id), headers: {} });
  const always = () => Promise.reject(new Error('it never works'));

  it('become dead letters if their attempts cannot be counted, and do not block others', async () => {
    const seen = await workOn();
    const poison = Array.from({ length: 12 }, (_, index) => ({
      content: `body ${index}`,
      properties: { messageId: `m-${index}`, headers: { 'x-mesh-attempts': 'abc', to: 'bob' } },
    }));
    await publishRaw(server.url, queue, poison);
    const found = await deadLettersToCount(tasks, 12);
    for (const dead of found) {
      expect(dead).toMatchObject({ origin: queue, reason: 'UNDECODABLE', attempts: 1, headers: { to: 'bob' } });
      expect(dead.error).toContain('x-mesh-attempts is abc');
    }
    const bodies = found.map(({ payload }) => Buffer.from(payload).toString());
    expect(bodies.toSorted()).toEqual(poison.map(({ content }) => content).toSorted());
    await tasks.enqueue(queue, [newTask('good')]);
    await eventually(() => expect(seen.map(({ id }) => id)).toEqual(['good']));
  });

  it('are processed when they are redriven', async () => {
    const seen = await workOn();
    await publishRaw(server.url, queue, [{ properties: { messageId: 'a', headers: { 'x-mesh-stamp': 'no\nstamp' } } }]);
    const [dead] = await deadLettersToCount(tasks, 1);
    expect(await tasks.deadLetters.redrive(dead?.id ?? '')).toBe(true);
    await eventually(() => expect(seen).toMatchObject([{ id: 'a', attempt: 1 }]));
  });

  it('become dead letters when their work fails, with any headers', async () => {
    await workOn(always);
    const value = fc.oneof(
      anyText({ maxLength: 300 }),
      fc.integer(),
      fc.constantFrom(0.5, -2.25, 1e15),
      fc.boolean(),
      fc.constantFrom(null, '\0', '-1', Buffer.from([0, 255]), { a: { b: [1, 'x', null] } }, '9'.repeat(30)),
    );
    const name = fc.constantFrom(
      ...['x-mesh-stamp', 'x-mesh-attempts', 'x-mesh-first-time-ms', 'traceparent', 'x-request-id', 'x-delivery-count'],
      ...['content-type', 'constructor', 'a\0b'],
    );
    const messages = fc.sample(fc.dictionary(name, value, { minKeys: 1, maxKeys: 6 }), { numRuns: 150, seed: 9 });
    await publishRaw(
      server.url,
      queue,
      messages.map((headers, index) => ({ content: `${index}`, properties: { headers } })),
    );
    const found = await deadLettersToCount(tasks, 150);
    expect(new Set(found.map(({ payload }) => Buffer.from(payload).toString())).size).toBe(150);
    // The last acknowledgement follows what it is of.
    await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
  });

  it('become dead letters if they are too large to be sent again', async () => {
    await workOn(always);
    const bytes = Buffer.alloc(25 * 1024, 0xff);
    await publishRaw(server.url, queue, [{ properties: { messageId: 'big', headers: { one: bytes, two: bytes } } }]);
    const [dead] = await deadLettersToCount(tasks, 1);
    expect(dead).toMatchObject({ subjectId: 'big', reason: 'TASK_REFUSED', attempts: 1 });
    expect(dead?.error).toMatch(/^it never works; it cannot wait for another attempt/);
  });

  it('are all processed even if they carry the stamp of one message', async () => {
    const seen = await workOn();
    const headers = { 'x-mesh-stamp': uuidv7() };
    const copies = ['a', 'b', 'c'].map((id) => ({ content: id, properties: { messageId: id, headers } }));
    await publishRaw(server.url, queue, copies);
    await eventually(() => expect(seen.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c']));
  });

  it('become dead letters when other programs reject them, even with an invalid history', async () => {
    await publishRaw(server.url, 'ordermesh.rejected', [
      { properties: { messageId: 'a', headers: { 'x-death': 5 as never } } },
      { properties: { messageId: 'b', headers: { 'x-death': [7] as never } } },
      { properties: { messageId: 'c', headers: { 'x-mesh-attempts': 'abc', 'x-mesh-first-time-ms': {} } } },
    ]);
    const found = await deadLettersToCount(tasks, 3);
    expect(found.map(({ subjectId, reason }) => [subjectId, reason]).toSorted()).toEqual([
      ['a', 'TASK_REJECTED'],
      ['b', 'TASK_REJECTED'],
      ['c', 'TASK_REJECTED'],
    ]);
  });

  it('are not lost if the queue of delayed tasks was deleted', async () => {
    let failures = 0;
    const done = new Set<string>();
    await workOn(async ({ id }) => {
      if (failures < 3) {
        failures += 1;
        throw new Error('not yet');
      }
      done.add(id);
    });
    await tasks.enqueue(queue, [newTask('a')]);
    await deadLettersToCount(tasks, 1);
    await deleteQueue(server.url, `ordermesh.retry.${queue}.1`);
    await tasks.enqueue(queue, [newTask('b')]);
    // Its first attempt is the third that fails.
    await eventually(() => expect([...done]).toEqual(['b']));
  });

  it('pass through a queue that its owner declared with other arguments', async () => {
    await declareOtherwise(server.url, queue);
    await publishRaw(server.url, queue, [{ properties: { messageId: 'a' } }]);
    const seen = await workOn();
    await tasks.enqueue(queue, [newTask('b')]);
    await eventually(() => expect(seen.map(({ id }) => id).toSorted()).toEqual(['a', 'b']));
    // The last acknowledgement follows what it is of.
    await eventually(async () => expect(await tasks.depth(queue)).toBe(0));
  });

  it('are refused individually if they are too large for the broker', async () => {
    await server.control('eval', 'application:set_env(rabbit, max_message_size, 2000).');
    try {
      const other = await openRabbitmqTasks(server.url, {
        open: async () => storage,
        clock: systemClock,
        logger: createLogger('silent'),
      });
      const small = Array.from({ length: 20 }, (_, index) =>
        eventually(() => other.enqueue(queue, [newTask(`s-${index}`)])),
      );
      const large = other.enqueue(queue, [{ id: 'large', payload: Buffer.alloc(3_000), headers: {} }]);
      await expect(large).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'TASK_REFUSED' });
      await Promise.all(small);
      await eventually(() => other.enqueue(queue, [newTask('after')]));
      await other.close();
    } finally {
      await server.control('eval', 'application:set_env(rabbit, max_message_size, 134217728).');
    }
    const seen = await workOn();
    await eventually(() => expect(new Set(seen.map(({ id }) => id)).size).toBe(21));
  }, 30_000);
});
