import { afterEach, beforeEach, expect } from 'vitest';
import { uuidv7 } from '../../ids/ids.ts';
import type { Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { TestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventEffect, EventHandler } from '../consumer/consumer.ts';
import { createEventConsumer, type EventConsumer, type EventConsumerOptions } from '../consumer/create-consumer.ts';
import { type EventAttributes, wrapEvent } from '../log/envelope.ts';
import type { NewEvent, StoredEvent } from '../log/event-log.ts';
import { type EventParts, openEventParts, silent, versionEvent } from './events.ts';

/** Consumers of the topic `t`, which has one partition, and of its group `g`. Each test has new ones. */
export interface TestConsumers {
  readonly newUrl: NewDatabaseUrl;
  parts(): EventParts;
  makeConsumer(
    handle: EventHandler['handle'],
    changes?: Partial<EventConsumerOptions> & { readonly group?: string },
  ): Promise<EventConsumer>;
  /** Resolves when the versions that `record` wrote are these. */
  effectsToBe(values: readonly string[]): Promise<void>;
  effects(): Promise<unknown[]>;
}

/** Describes consumers on each database. */
export function describeConsumers(suite: (consumers: TestConsumers) => void): void {
  describeOnEachDatabase((newUrl) => {
    let parts: EventParts;
    let made: EventConsumer[];

    beforeEach(async () => {
      parts = await openEventParts(newUrl());
      made = [];
      await parts.events.ensureTopic('t', { partitions: 1 });
      await parts.storage.execute('CREATE TABLE effect (handler TEXT NOT NULL, value TEXT NOT NULL)');
    });
    afterEach(async () => {
      await Promise.all(made.map((consumer) => consumer.stop()));
      await parts.close();
    });

    const effects = async () => (await parts.storage.query('SELECT value FROM effect')).map((row) => row.value);
    suite({
      newUrl,
      parts: () => parts,
      async makeConsumer(handle, { group = 'g', ...changes } = {}) {
        const { storage, events } = parts;
        const consumer = await createEventConsumer({
          events,
          storage,
          handler: { group, topics: ['t'], handle },
          retryDelaysMs: [1, 1],
          clock: systemClock,
          logger: silent,
          ...changes,
        });
        made.push(consumer);
        return consumer;
      },
      effects,
      effectsToBe: (values) => eventually(async () => expect(await effects()).toEqual(values)),
    });
  });
}

/** Writes which version of an event it saw. */
export async function record(event: StoredEvent, { version }: EventAttributes): Promise<EventEffect> {
  return async (tx) => {
    await tx.execute('INSERT INTO effect (handler, value) VALUES ($1, $2)', [event.key, `${version}`]);
  };
}

/** Returns a handler that throws for the key `bad`, after it has written, for the first `count` attempts. */
export function failing(faults: { count: number }): EventHandler['handle'] {
  return async (event, attributes) => async (tx) => {
    await (await record(event, attributes))(tx);
    if (event.key === 'bad' && faults.count-- > 0) throw new Error('the handler broke');
  };
}

/** The event of a version, as an outbox publishes it. */
export function wrapped(key: string, version: number, id: string = uuidv7()): NewEvent {
  return wrapEvent(versionEvent('t', key, version), { id, source: '//ordermesh/test', correlationId: 'r-1' });
}

/** Lets so much time pass that a running consumer deletes every claim of its inbox. */
export async function inboxForgets(storage: Storage, clock: TestClock): Promise<void> {
  const hourMs = 60 * 60 * 1000;
  // Both purges of the consumer wait for their next hour: that of its inbox and that of its dead letters.
  await eventually(() => expect(clock.pendingMs().filter((ms) => ms > hourMs - 1_000)).toHaveLength(2));
  clock.advance(8 * 24 * hourMs + 2 * hourMs);
  await eventually(async () => expect(await storage.query('SELECT event_id FROM inbox')).toEqual([]));
}
