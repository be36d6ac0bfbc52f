import { join } from 'node:path';
import { SQS } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { ServerTrust } from '../../config/server-trust.ts';
import { parseSqsUrl } from '../../config/sqs-url.ts';
import { uuidv7 } from '../../ids/ids.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import {
  describeWithElasticmq,
  type ElasticmqServer,
  startElasticmq,
  testCredentials,
} from '../../testing/servers/elasticmq.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { openSqsTasks } from '../sqs/sqs-tasks.ts';
import type { TaskQueue } from '../task-queue.ts';

/** Task queues on an ElasticMQ server, each test with a new database of dead letters. */
export interface TestSqs {
  server(): ElasticmqServer;
  /** A client as other programs use it. */
  client(): SQS;
  /** `sqs://…` of the server, with more parameters. */
  url(more?: string): string;
  /** A folder that is removed after the test. */
  folder(): string;
  newQueue(): string;
  /** Opens the task queues and closes them after the test. Default: on the server itself, with the time of the machine. */
  open(url?: string, options?: { readonly clock?: Clock; readonly trust?: ServerTrust }): Promise<TaskQueue>;
  /** Runs after the test, in reverse order. */
  defer(clean: () => Promise<unknown>): void;
}

/** Describes tasks on an ElasticMQ server, in `make verify-polyglot`. */
export function describeSqsTasks(name: string, suite: (sqs: TestSqs) => void): void {
  describeWithElasticmq(name, () => {
    let server: ElasticmqServer;
    let client: SQS;
    let folder: TempFolder;
    let storage: Storage;
    let cleanups: (() => Promise<unknown>)[];

    beforeAll(async () => {
      Object.assign(process.env, testCredentials);
      server = await startElasticmq();
      client = new SQS({ region: 'elasticmq', endpoint: server.endpoint });
    }, 150_000);
    afterAll(async () => {
      client.destroy();
      await server[Symbol.asyncDispose]();
    });
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

    const url = (more = '') => `sqs://elasticmq/?endpoint=${server.endpoint}${more}`;
    suite({
      server: () => server,
      client: () => client,
      url,
      folder: () => folder.path,
      newQueue: () => `queue-${uuidv7()}`,
      async open(where = url(), { clock = systemClock, trust = {} } = {}) {
        const target = parseSqsUrl(where);
        if (!target) throw new TypeError(`invalid URL ${where}`);
        const shared = { ...storage, close: async () => undefined };
        const logger = createLogger('silent');
        // A stop waits for the last request to end.
        const tasks = await openSqsTasks(target, { trust, open: async () => shared, longPollS: 1, clock, logger });
        let closed: Promise<void> | undefined;
        // The suite closes the queues that it opens, others are closed here.
        const close = () => {
          closed ??= tasks.close();
          return closed;
        };
        cleanups.push(close);
        return { ...tasks, close };
      },
      defer: (clean) => void cleanups.push(clean),
    });
  });
}
