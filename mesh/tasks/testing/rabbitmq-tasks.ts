import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { uuidv7 } from '../../ids/ids.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/servers/fault-proxy.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { openRabbitmqTasks } from '../rabbitmq/rabbitmq-tasks.ts';
import type { TaskQueue } from '../task-queue.ts';

/** Task queues on a RabbitMQ server, each test with a new database of dead letters. */
export interface TestRabbitmq {
  server(): RabbitmqServer;
  /** A folder that is removed after the test. */
  folder(): string;
  newQueue(): string;
  /** Opens the task queues and closes them after the test. Default: on the server itself. */
  open(url?: string, clock?: Clock): Promise<TaskQueue>;
  openThroughProxy(): Promise<{ readonly tasks: TaskQueue; readonly proxy: FaultProxy }>;
  /** Runs after the test, in reverse order. */
  defer(clean: () => Promise<unknown>): void;
}

/** Describes tasks on a RabbitMQ server, if there is one. */
export function describeRabbitmqTasks(name: string, suite: (rabbitmq: TestRabbitmq) => void): void {
  describeWithServer(rabbitmq, name, () => {
    let server: RabbitmqServer;
    let folder: TempFolder;
    let storage: Storage;
    let cleanups: (() => Promise<unknown>)[];

    beforeAll(async () => {
      server = await startRabbitmq();
    }, 60_000);
    afterAll(() => server.stop());
    beforeEach(async () => {
      folder = await tempFolder();
      storage = await openStorage(`sqlite:${join(folder.path, 'tasks.db')}`);
      cleanups = [];
    });
    afterEach(async () => {
      for (const clean of cleanups.toReversed()) await clean();
      await storage.close();
      await folder[Symbol.asyncDispose]();
    });

    const open = async (url = server.url, clock: Clock = systemClock): Promise<TaskQueue> => {
      const shared = { ...storage, close: async () => undefined };
      const tasks = await openRabbitmqTasks(url, { open: async () => shared, clock, logger: createLogger('silent') });
      let closed: Promise<void> | undefined;
      // The suite closes the queues that it opens, others are closed here.
      const close = () => {
        closed ??= tasks.close();
        return closed;
      };
      cleanups.push(close);
      return { ...tasks, close };
    };
    suite({
      server: () => server,
      folder: () => folder.path,
      newQueue: () => `queue-${uuidv7()}`,
      open,
      async openThroughProxy() {
        const proxy = await startFaultProxy(server.port);
        cleanups.push(() => proxy.close());
        return { tasks: await open(`amqp://127.0.0.1:${proxy.port}`), proxy };
      },
      defer: (clean) => void cleanups.push(clean),
    });
  });
}
