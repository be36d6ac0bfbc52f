import { join } from 'node:path';
import { expect } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { openEmbeddedTasks } from '../../tasks/embedded/embedded-tasks.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { createEventConsumer, type EventConsumer } from '../consumer/create-consumer.ts';
import type { EventLog } from '../log/event-log.ts';
import { createOutbox } from '../outbox/create-outbox.ts';
import { silent as logger, versionEvent } from './events.ts';

/** An outbox, a log and consumers with their inbox, on one database: what faults must not break. */
export interface Pipeline {
  readonly storage: Storage;
  /** Commits the next version of each key, one transaction each. */
  commit(keys: readonly string[]): Promise<void>;
  /** Starts one more member of the group, whose effect is a row that says key and version. */
  join(): Promise<EventConsumer>;
  /** Waits until each committed event has had its effect, and checks that it was once and in the order of its key. */
  expectAllOnceInOrder(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Makes a pipeline over `topic` of `events`, which it closes with itself. */
export async function openPipeline(events: EventLog, topic: string, group: string): Promise<Pipeline> {
  const folder = await tempFolder();
  const storage = await openStorage(`sqlite:${join(folder.path, 'service.db')}`);
  const tasks = await openEmbeddedTasks(join(folder.path, 'tasks.db'), { clock, logger });
  await storage.execute('CREATE TABLE effect (id INTEGER PRIMARY KEY, key TEXT NOT NULL, version BIGINT NOT NULL)');
  const outbox = await createOutbox({
    storage,
    events,
    tasks,
    source: '//ordermesh/test',
    topics: [{ name: topic }],
    clock,
    logger,
  });
  await outbox.start();
  const versions = new Map<string, number>();
  const consumers: EventConsumer[] = [];

  return {
    storage,
    async commit(keys) {
      for (const key of keys) {
        const version = (versions.get(key) ?? 0) + 1;
        versions.set(key, version);
        await storage.transaction((tx) => outbox.addEvent(tx, versionEvent(topic, key, version)));
      }
    },
    async join() {
      const handle = async (event: { readonly key: string }, { version }: { readonly version: bigint | undefined }) => {
        return async (tx: { execute: Storage['execute'] }) => {
          await tx.execute('INSERT INTO effect (key, version) VALUES ($1, $2)', [event.key, version ?? 0n]);
        };
      };
      const consumer = await createEventConsumer({
        events,
        storage,
        handler: { group, topics: [topic], handle },
        clock,
        logger,
      });
      consumers.push(consumer);
      await consumer.start();
      return consumer;
    },
    async expectAllOnceInOrder(timeoutMs) {
      const committed = [...versions.values()].reduce((sum, count) => sum + count, 0);
      const effects = () =>
        storage.query<{ key: string; version: bigint }>('SELECT key, version FROM effect ORDER BY id');
      await eventually(async () => expect((await effects()).length).toBeGreaterThanOrEqual(committed), {
        timeoutMs: timeoutMs,
        intervalMs: 50,
      });
      const seen = Map.groupBy(await effects(), ({ key }) => key);
      for (const [key, count] of versions) {
        const expected = Array.from({ length: count }, (_, index) => BigInt(index + 1));
        expect(seen.get(key)?.map(({ version }) => version)).toEqual(expected);
      }
    },
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
      await outbox.stop(0);
      await events.close();
      await tasks.close();
      await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
