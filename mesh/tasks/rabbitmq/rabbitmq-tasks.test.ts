import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers.ts';
import { describeTaskQueue } from '../task-queue-contract.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

const logger = createLogger('silent');

describeWithServer(rabbitmq, 'tasks on RabbitMQ', () => {
  let server: RabbitmqServer;
  let folder: string;
  let storage: Storage;

  beforeAll(async () => {
    server = await startRabbitmq();
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rabbitmq-tasks-'));
    storage = await openStorage(`sqlite:${join(folder, 'tasks.db')}`);
  });
  afterEach(async () => {
    await storage.close();
    await rm(folder, { recursive: true });
  });

  describeTaskQueue(
    'the RabbitMQ queue',
    () => openRabbitmqTasks(server.url, { storage, clock: systemClock, logger }),
    {
      deduplicates: false,
      countsTasksInHand: true,
    },
  );
});
