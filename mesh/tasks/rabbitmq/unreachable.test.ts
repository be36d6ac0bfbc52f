import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

it('logs nothing when a worker stops that never reached its broker', async () => {
  await using folder = await tempFolder();
  const storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
  const { logger, lines } = captureLog();
  const tasks = await openRabbitmqTasks(`amqp://127.0.0.1:${await freePort()}`, {
    open: async () => storage,
    clock,
    logger,
  });
  const worker = await tasks.work({ queue: 'q', handle: async () => undefined });
  const before = lines.length;
  await worker.stop();
  expect(lines.slice(before)).toEqual([]);
  await tasks.close();
  await storage.close();
});
