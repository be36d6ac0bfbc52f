import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { newTask } from '../suite/fixture.ts';
import { openRabbitmqTasks } from './rabbitmq-tasks.ts';

describeWithServer(rabbitmq, 'tasks on RabbitMQ with TLS', () => {
  let server: RabbitmqServer;
  let folder: TempFolder;
  let storage: Storage;
  beforeAll(async () => {
    server = await startRabbitmq({ secure: true });
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
  });
  afterEach(async () => {
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  const { logger, lines } = captureLog({ level: 'trace' });
  const open = (url: string, ca: string | undefined) =>
    openRabbitmqTasks(url, { open: async () => storage, trust: { ca }, clock, logger });

  it('are sent and worked on with the authority of its certificate', async () => {
    const { url = '', ca } = server.secure ?? {};
    const tasks = await open(url, ca);
    const done: string[] = [];
    await tasks.work({ queue: 'jobs', handle: async ({ id }) => void done.push(id) });
    await tasks.enqueue('jobs', [newTask('a')]);
    await eventually(() => expect(done).toEqual(['a']));
    await tasks.close();
  });

  it('report a certificate of an unknown authority and what to do, without the password', async () => {
    const other = await createTestCa();
    const url = server.secure?.url.replace('amqps://', 'amqps://guest:secret@') ?? '';
    const tasks = await open(url, other.cert);
    await expect(tasks.check()).rejects.toThrow(/certificate.*; set TASKS_CA_FILE to the authority/);
    await tasks.close();
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
