import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import { wrapEvent } from '../log/envelope.ts';
import type { NewEvent } from '../log/event-log.ts';
import { describeConsumers, record, wrapped } from '../testing/consumers.ts';
import { openEventParts, silent, versionEvent } from '../testing/events.ts';
import type { EventHandler } from './consumer.ts';
import { claim, purgeInbox } from './inbox.ts';

describe('the inbox of a consumer', () => {
  describeConsumers(({ effectsToBe, makeConsumer, newUrl, parts }) => {
    it('lets an event that is delivered twice take effect once', async () => {
      await (await makeConsumer(record)).start();
      await parts().events.publish([wrapped('a', 1, 'same'), wrapped('a', 1, 'same'), wrapped('a', 2)]);
      await effectsToBe(['1', '2']);
    });

    it('lets an event take effect once even if the process stops between effect and offset commit', async () => {
      const gate = Promise.withResolvers<void>();
      const cutOff = { ...parts().events, consume: parts().events.consume };
      const firstDelivery = Promise.withResolvers<void>();
      cutOff.consume = (options) =>
        parts().events.consume({
          ...options,
          handle: async (event, signal) => {
            await options.handle(event, signal);
            firstDelivery.resolve();
            await gate.promise;
            throw new Error('the offset is never committed');
          },
        });
      const first = await makeConsumer(record, { events: cutOff });
      await first.start();
      await parts().events.publish([wrapped('a', 1)]);
      await firstDelivery.promise;
      gate.resolve();
      await first.stop();
      await (await makeConsumer(record)).start();
      await parts().events.publish([wrapped('a', 2)]);
      await effectsToBe(['1', '2']);
    });

    it('accepts an event whose id is too long for an index', async () => {
      const long = randomBytes(4_000).toString('hex');
      await (await makeConsumer(record)).start();
      await parts().events.publish([wrapped('a', 1, long), wrapped('a', 1, long), wrapped('a', 2, `${long}!`)]);
      await effectsToBe(['1', '2']);
    });

    it('treats events of two sources with the same id as two events', async () => {
      await (await makeConsumer(record)).start();
      const ours = wrapped('a', 1, 'same');
      const theirs = wrapEvent(versionEvent('t', 'a', 2), { id: 'same', source: '//elsewhere' });
      await parts().events.publish([ours, theirs, ours, theirs, wrapped('a', 3)]);
      await effectsToBe(['1', '2', '3']);
    });

    it('treats events without an id as different events, even in the position of an event of a deleted topic', async () => {
      const values = ['1', '2', '3'];
      const versions: EventHandler['handle'] = async ({ value }) => {
        const text = Buffer.from(value).toString();
        return async (tx) => void (await tx.execute("INSERT INTO effect (handler, value) VALUES ('', $1)", [text]));
      };
      const foreign = (value: string, headers: Record<string, string>) => ({
        ...wrapped('a', 1),
        headers,
        value: Buffer.from(value),
      });
      const first = await makeConsumer(versions);
      await first.start();
      for (const value of values) await parts().events.publish([foreign(value, { ce_id: ' ', ce_source: 's' })]);
      await effectsToBe(values);
      await parts().events.publish([foreign('4', {})]);
      await effectsToBe(['1', '2', '3', '4']);
      await first.stop();

      // Another log, in which the same places hold other events.
      const again = await openEventParts(newUrl());
      try {
        await again.events.ensureTopic('t', { partitions: 1 });
        const events = ['5', '6', '7', '8'].map((value) => foreign(value, {}));
        await again.events.publish(events);
        const second = await makeConsumer(versions, { events: again.events });
        await second.start();
        await effectsToBe(['1', '2', '3', '4', '5', '6', '7', '8']);
        await second.stop();
        // Delivered again, from the beginning, as after a crash.
        const third = await makeConsumer(versions, { events: again.events, group: 'g' });
        await again.events.publish([foreign('9', {})]);
        await third.start();
        await effectsToBe(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
        await third.stop();
      } finally {
        await again.close();
      }
    });

    it('recognizes an event without an id that an earlier version handled', async () => {
      const event: NewEvent = { ...wrapped('a', 1), headers: {} };
      // The inbox row as that version wrote it: after the event, by its place.
      const consumer = await makeConsumer(async () => async (tx) => {
        await tx.execute("INSERT INTO effect (handler, value) VALUES ('', 'effect')");
      });
      const sql = 'INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ($1, $2, 0, $3)';
      await parts().storage.execute(sql, ['g', ' t/0/0', event.timeMs + 5]);
      await parts().storage.execute(sql, ['g', ' t/0/1', event.timeMs - 5]);
      await parts().events.publish([event, event]);
      await consumer.start();
      await effectsToBe(['effect']);
    });

    it('forgets no event if the clock is a year ahead for a while', async () => {
      const clock = createTestClock();
      const first = await makeConsumer(record, { clock });
      await first.start();
      await parts().events.publish([wrapped('a', 1, 'same')]);
      await effectsToBe(['1']);
      const yearMs = 365 * 24 * 60 * 60 * 1000;
      clock.shift(yearMs);
      await eventually(() => expect(clock.pendingMs()).not.toEqual([]));
      clock.advance(2 * 60 * 60 * 1000);
      await first.stop();
      const second = await makeConsumer(record, { clock: createTestClock(clock.now() + yearMs) });
      await second.start();
      await parts().events.publish([wrapped('a', 2)]);
      await effectsToBe(['1', '2']);
      await second.stop();
      await (await makeConsumer(record)).start();
      await parts().events.publish([wrapped('a', 1, 'same'), wrapped('a', 3)]);
      await effectsToBe(['1', '2', '3']);
    });

    it('forgets many events at once, even behind some whose time is far ahead', async () => {
      await makeConsumer(record);
      const { storage } = parts();
      const nowMs = Date.now();
      // More than one lot.
      const ahead = 510;
      await storage.transaction(async (tx) => {
        for (let index = 0; index < 1200; index++) {
          const timeMs = index < ahead ? nowMs + 1 : 1;
          await claim(tx, { group: 'g', eventId: `${index}`, eventTimeMs: 1, nowMs: timeMs }, 'handled');
        }
      });
      const stopping = new AbortController();
      const aging = { nowMs: () => nowMs };
      const options = { group: 'g', lag: async () => [], retentionMs: 0, aging, clock: systemClock, logger: silent };
      const purging = purgeInbox(storage, options, stopping.signal);
      const left = async () => Number((await storage.query('SELECT count(*) AS n FROM inbox'))[0]?.n);
      await eventually(async () => expect(await left()).toBe(ahead));
      stopping.abort();
      await purging;
    });

    it('forgets events after eight days', async () => {
      const clock = createTestClock();
      const consumer = await makeConsumer(record, { clock });
      await consumer.start();
      await parts().events.publish([wrapped('a', 1), wrapped('a', 2)]);
      await effectsToBe(['1', '2']);
      const remembered = async () => Number((await parts().storage.query('SELECT count(*) AS n FROM inbox'))[0]?.n);
      expect(await remembered()).toBe(2);
      clock.advance(8 * 24 * 60 * 60 * 1000 - 1);
      await parts().events.publish([wrapped('a', 3)]);
      await effectsToBe(['1', '2', '3']);
      expect(await remembered()).toBe(3);
      // The purge before may not have ended, so the next one is not planned yet.
      const inNextHour = async () => {
        clock.advance(60 * 60 * 1000);
        expect(await remembered()).toBe(1);
      };
      await eventually(inNextHour, { timeoutMs: 10_000, intervalMs: 200 });
    });
  });
});
