import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DeadLetter } from '../../mesh/dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../mesh/dead-letters/store.ts';
import { createEventConsumer } from '../../mesh/events/consumer/create-consumer.ts';
import { createOutbox } from '../../mesh/events/outbox/create-outbox.ts';
import { openEventParts, silent } from '../../mesh/events/testing/events.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { openEmbeddedTasks } from '../../mesh/tasks/embedded/embedded-tasks.ts';
import { openRabbitmqTasks } from '../../mesh/tasks/rabbitmq/rabbitmq-tasks.ts';
import { describeOnEachDatabase } from '../../mesh/testing/databases.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';

const aDeadLetter: Omit<DeadLetter, 'id'> = {
  source: 'task',
  origin: 'email-jobs',
  reason: 'HANDLER_FAILED',
  error: 'no such mailbox',
  attempts: 6,
  payload: new Uint8Array(),
  headers: {},
  subjectId: 'order-1',
  firstTimeMs: 1,
  lastTimeMs: 1,
};

/** Adds a dead letter that was closed before the retention began, and one that is open. Returns the id of the open one. */
async function addDeadLetters(storage: Storage): Promise<string> {
  const store = await createDeadLetterStore(storage, { clock });
  const add = () => storage.transaction((tx) => store.add(tx, aDeadLetter));
  await store.queue('task', async () => async () => undefined).discard(await add(), 'a test order');
  await storage.execute('UPDATE dead_letter SET closed_aged_ms = 0 WHERE closed_aged_ms IS NOT NULL');
  return await add();
}

async function onlyKeeps(storage: Storage, id: string): Promise<void> {
  await eventually(async () => {
    const rows = await storage.query<{ id: string }>('SELECT id FROM dead_letter');
    expect(rows.map((row) => row.id)).toEqual([id]);
  });
}

describe('old closed dead letters are deleted, though no other is closed, by', () => {
  describeOnEachDatabase((newUrl) => {
    it('an outbox', async () => {
      const parts = await openEventParts(newUrl());
      onTestFinished(parts.close);
      const open = await addDeadLetters(parts.storage);
      const outbox = await createOutbox({ ...parts, source: '//ordermesh/test', topics: [], clock, logger: silent });
      await outbox.start();
      await onlyKeeps(parts.storage, open);
      await outbox.stop(0);
    });

    it('a consumer', async () => {
      const parts = await openEventParts(newUrl());
      onTestFinished(parts.close);
      const open = await addDeadLetters(parts.storage);
      const handler = { group: 'g', topics: ['t'], handle: async () => undefined };
      const consumer = await createEventConsumer({ ...parts, handler, clock, logger: silent });
      await consumer.start();
      await onlyKeeps(parts.storage, open);
      await consumer.stop();
    });

    it('the task queue on RabbitMQ, even while its broker is away', async () => {
      const storage = await openStorage(newUrl());
      onTestFinished(storage.close);
      const open = await addDeadLetters(storage);
      const tasks = await openRabbitmqTasks('amqp://127.0.0.1:1', { open: async () => storage, clock, logger: silent });
      await tasks.deadLetters.count();
      await onlyKeeps(storage, open);
      await tasks.close();
    });
  });

  it('the embedded task queue', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'tasks.db');
    const storage = await openStorage(`sqlite:${path}`);
    const open = await addDeadLetters(storage);
    const shared = async () => storage;
    const tasks = await openEmbeddedTasks(path, { clock, logger: silent, open: shared });
    await onlyKeeps(storage, open);
    await tasks.close();
  });
});
