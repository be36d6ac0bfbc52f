import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { captureLog } from '../../../testing/captured-log.ts';
import { freePort } from '../../../testing/servers/free-port.ts';
import { tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock as clock } from '../../../time/clock.ts';
import type { TaskQueue } from '../../task-queue.ts';
import { openRabbitmqTasks } from '../rabbitmq-tasks.ts';

describe('the database of the dead letters of RabbitMQ', () => {
  let storage: Storage;
  let tasks: TaskQueue;
  const open = vi.fn<() => Promise<Storage>>();

  beforeEach(async () => {
    const folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
    open.mockReset().mockImplementation(async () => storage);
    const { logger } = captureLog();
    tasks = await openRabbitmqTasks(`amqp://127.0.0.1:${await freePort()}`, { open, clock, logger });
    onTestFinished(async () => {
      await tasks.close();
      await storage.close();
      await folder[Symbol.asyncDispose]();
    });
  });

  it('is not opened by a process that only adds tasks', async () => {
    const task = { id: 'a', payload: new Uint8Array(), headers: {} };
    await expect(tasks.enqueue('q', [task])).rejects.toMatchObject({ reason: 'TASKS_UNAVAILABLE' });
    await expect(tasks.check()).rejects.toMatchObject({ reason: 'TASKS_UNAVAILABLE' });
    await tasks.close();
    expect(open).not.toHaveBeenCalled();
    expect(tasks.hasOpenDeadLetters?.()).toBe(false);
  });

  it('is opened once, by a worker or a look at the dead letters, and closed with the tasks', async () => {
    await Promise.all([tasks.deadLetters.count(), tasks.work({ queue: 'q', handle: async () => undefined })]);
    expect(await Array.fromAsync(tasks.deadLetters.list({}, ''))).toEqual([]);
    expect(open).toHaveBeenCalledTimes(1);
    expect(tasks.hasOpenDeadLetters?.()).toBe(true);
    await tasks.close();
    await expect(storage.query('SELECT 1')).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
  });

  it('is opened by the next use after it could not be opened', async () => {
    open.mockRejectedValueOnce(new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'away'));
    await expect(tasks.deadLetters.get('a')).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    expect(tasks.hasOpenDeadLetters?.()).toBe(false);
    expect(await tasks.deadLetters.get('a')).toBeUndefined();
  });
});
