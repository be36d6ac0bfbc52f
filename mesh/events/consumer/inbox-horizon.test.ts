import { describe, expect, it } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { describeConsumers, inboxForgets, record, wrapped } from '../testing/consumers.ts';
import type { EventConsumer } from './create-consumer.ts';
import { inboxMigrations } from './inbox.ts';
import { mayBeHandled, notePositions } from './inbox-horizon.ts';

const day = 24 * 60 * 60 * 1000;

describe('the horizon of an inbox', () => {
  describeConsumers(({ effects, effectsToBe, makeConsumer, parts }) => {
    const horizons = async () =>
      (await parts().storage.query('SELECT consumer_group, time_ms FROM inbox_horizon ORDER BY 1')).map(
        ({ consumer_group, time_ms }) => [consumer_group, Number(time_ms)],
      );

    it('is the time of the newest event whose claim was deleted, for each group', async () => {
      const clock = createTestClock(Date.now());
      const at = (version: number, timeMs: number) => ({ ...wrapped('a', version), timeMs });
      const [one, other] = [await makeConsumer(record, { clock }), await makeConsumer(record, { clock, group: 'h' })];
      await one.start();
      await parts().events.publish([at(1, clock.now() - 5), at(2, clock.now() - 7)]);
      await effectsToBe(['1', '2']);
      await inboxForgets(parts().storage, clock);
      expect(await horizons()).toEqual([['g', clock.now() - 8 * day - 2 * 60 * 60 * 1000 - 5]]);
      await one.stop();
      await other.start();
      await effectsToBe(['1', '2', '1', '2']);
    });

    it('is never later than the shortest retention, even if clocks are a year ahead', async () => {
      const clock = createTestClock(Date.now());
      clock.shift(365 * day);
      const first = await makeConsumer(record, { clock });
      await first.start();
      await parts().events.publish([{ ...wrapped('a', 1, 'same'), timeMs: clock.now() }]);
      await effectsToBe(['1']);
      await inboxForgets(parts().storage, clock);
      await first.stop();
      clock.shift(-365 * day);
      await parts().events.publish([{ ...wrapped('a', 2), timeMs: clock.now() - 7 * day }]);
      const last = await makeConsumer(record, { clock });
      const progress = await Array.fromAsync(
        last.replay({ from: { at: 'offsets', offsets: new Map([[0, 1n]]) } }, AbortSignal.timeout(30_000)),
      );
      expect(progress.at(-1)).toMatchObject({ outcomes: { applied: 1, 'too-old': 0 } });
    });

    it.each([
      ['of today', 0, 'applied'],
      ['that has purged for weeks', 20 * day, 'too-old'],
    ])('is estimated for the inbox of an earlier version %s', async (_name, ageMs, outcome) => {
      const { events, storage } = parts();
      await storage.migrate('inbox', inboxMigrations.slice(0, 1));
      await storage.execute("UPDATE schema_migration SET apply_time = apply_time - $1 WHERE set_name = 'inbox'", [
        ageMs,
      ]);
      const insert = "INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ('g', 'kept', 0, $1)";
      if (ageMs > 0) await storage.execute(insert, [Date.now() - 9 * day]);
      await events.publish([{ ...wrapped('a', 1), timeMs: Date.now() - 15 * day }, wrapped('a', 2)]);
      const consumer = await makeConsumer(record, { logRetentionMs: 30 * day });
      const progress = await Array.fromAsync(
        consumer.replay({ from: { at: 'beginning' } }, AbortSignal.timeout(30_000)),
      );
      expect(progress.at(-1)?.outcomes[outcome as 'applied' | 'too-old']).toBeGreaterThan(0);
      expect(await effects()).toEqual(outcome === 'applied' ? ['1', '2'] : ['2']);
    });

    it('stays reset after a restart, even if it was estimated', async () => {
      const { events, storage } = parts();
      await storage.migrate('inbox', inboxMigrations.slice(0, 1));
      await storage.execute("UPDATE schema_migration SET apply_time = apply_time - $1 WHERE set_name = 'inbox'", [
        20 * day,
      ]);
      await events.publish([{ ...wrapped('a', 1), timeMs: Date.now() - 15 * day }]);
      const replay = async (consumer: EventConsumer) =>
        (await Array.fromAsync(consumer.replay({ from: { at: 'beginning' } }, AbortSignal.timeout(30_000)))).at(-1);
      expect(await replay(await makeConsumer(record))).toMatchObject({ outcomes: { 'too-old': 1 } });
      // As docs/operating.md says for events that had no effect.
      await storage.execute("UPDATE inbox_horizon SET time_ms = 0 WHERE consumer_group IN ('', 'g')");
      expect(await replay(await makeConsumer(record))).toMatchObject({ outcomes: { applied: 1 } });
    });

    it('is not raised while the log does not answer, because nothing is deleted then', async () => {
      const { events, storage } = parts();
      const clock = createTestClock(Date.now());
      await (await makeConsumer(record, { clock })).stop();
      const insert = "INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ('g', 'old', 0, 0)";
      await storage.execute(insert);
      let asked = 0;
      const silentLog: EventLog = {
        ...events,
        committedOffsets: () => {
          asked += 1;
          return new Promise(() => undefined);
        },
      };
      const consumer = await makeConsumer(record, { clock, events: silentLog });
      await consumer.start();
      await events.publish([wrapped('a', 1)]);
      await effectsToBe(['1']);
      expect(asked).toBe(1);
      await consumer.stop();
      expect(await storage.query("SELECT event_id FROM inbox WHERE event_id = 'old'")).toHaveLength(1);
    });
  });
});

describe('the positions of an inbox', () => {
  describeConsumers(({ makeConsumer, parts }) => {
    const clock = createTestClock();
    const nowMs = clock.now();
    const note = (storage: Storage, next: bigint | undefined, end: bigint, timeMs: number) =>
      notePositions(storage, 'g', [{ topic: 't', partition: 0, next, end, events: 0n }], timeMs);
    const isOld = (offset: bigint, timeMs: number) =>
      mayBeHandled(parts().storage, 'g', { topic: 't', partition: 0, offset, timeMs }, clock);

    it('are recorded by several processes without a deadlock', async ({ skip }) => {
      skip(parts().storage.dialect === 'sqlite', 'one process has the file');
      const { storage } = parts();
      await makeConsumer(record, { clock });
      const partitions = Array.from({ length: 50 }, (_, partition) => {
        return { topic: 't', partition, next: 1n, end: 1n, events: 0n };
      });
      let runs = 0;
      const counted: Storage = {
        ...storage,
        transaction: (work, options) =>
          storage.transaction((tx) => {
            runs += 1;
            return work(tx);
          }, options),
      };
      await Promise.all(
        [partitions, partitions.toReversed()].map((order) => notePositions(counted, 'g', order, nowMs)),
      );
      expect(runs).toBe(2);
    });

    it('never go back, and say nothing about events that came later with a smaller offset', async () => {
      const { storage } = parts();
      await makeConsumer(record, { clock });
      await storage.execute("INSERT INTO inbox_horizon (consumer_group, time_ms) VALUES ('g', $1)", [nowMs - 9 * day]);
      await note(storage, 10n, 10n, nowMs - 20 * day);
      expect(await isOld(9n, nowMs - 20 * day)).toBe(true);
      expect(await isOld(10n, nowMs - 20 * day)).toBe(false);
      expect(await isOld(9n, nowMs - 19 * day)).toBe(false);
      // The group started over, has not begun, or has an offset that the topic does not have yet.
      for (const next of [0n, undefined, 30n]) await note(storage, next, 20n, nowMs);
      expect(await isOld(9n, nowMs - 19 * day)).toBe(false);
      expect(await isOld(9n, nowMs - 20 * day)).toBe(true);
      await note(storage, 10n, 20n, nowMs);
      expect(await isOld(9n, nowMs - 9 * day)).toBe(true);
      expect(await isOld(9n, nowMs - 9 * day + 1)).toBe(false);
    });
  });
});
