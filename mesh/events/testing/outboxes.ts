import { afterEach, beforeEach, expect } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventLog, NewEvent } from '../log/event-log.ts';
import { createOutbox, type OutboxOptions } from '../outbox/create-outbox.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { type EventParts, openEventParts, silent, versionEvent } from './events.ts';

/** Outboxes of a service that publishes to the topic `t`. Each test has new ones. */
export interface TestOutboxes {
  parts(): EventParts;
  makeOutbox(changes?: Partial<OutboxOptions>): Promise<Outbox>;
  /** Returns a log that records what it acknowledged in `sent`. */
  watched(events: EventLog): EventLog;
  sent(): readonly NewEvent[];
  sentVersions(key: string): number[];
  /** Commits a version of a key in its own transaction. */
  add(outbox: Outbox, key: string, version: number, topic?: string): Promise<void>;
}

/** Describes outboxes on each database. */
export function describeOutboxes(suite: (outboxes: TestOutboxes) => void): void {
  describeOnEachDatabase((newUrl) => {
    let parts: EventParts;
    let made: Outbox[];
    let sent: NewEvent[];

    beforeEach(async () => {
      parts = await openEventParts(newUrl());
      made = [];
      sent = [];
    });
    afterEach(async () => {
      await Promise.all(made.map((outbox) => outbox.stop(0)));
      await parts.close();
    });

    const watched = (events: EventLog): EventLog => ({
      ...events,
      async publish(batch) {
        const positions = await events.publish(batch);
        sent.push(...batch);
        return positions;
      },
    });
    suite({
      parts: () => parts,
      watched,
      sent: () => sent,
      sentVersions: (key) =>
        sent.filter((event) => event.key === key).map((event) => Number(event.headers.ce_sequence)),
      async makeOutbox(changes = {}) {
        const { storage, events, tasks } = parts;
        const outbox = await createOutbox({
          storage,
          events: watched(events),
          tasks,
          source: '//ordermesh/test',
          topics: [{ name: 't' }],
          clock: systemClock,
          logger: silent,
          ...changes,
        });
        made.push(outbox);
        return outbox;
      },
      add: (outbox, key, version, topic = 't') =>
        parts.storage.transaction((tx) => outbox.addEvent(tx, versionEvent(topic, key, version))),
    });
  });
}

/** Expects that nothing waits in an outbox. */
export async function expectOutboxEmpty(outbox: Outbox): Promise<void> {
  expect((await outbox.backlog()).map(({ entries }) => entries)).toEqual([0, 0]);
}
