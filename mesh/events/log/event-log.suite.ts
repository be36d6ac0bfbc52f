import { randomUUID } from 'node:crypto';
import { setTimeout as timeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { collector, distinct, event, numbered, perKey, readSome, text } from '../testing/sample-events.ts';
import type { ConsumeOptions, EventLog, StartPosition, StoredEvent } from './event-log.ts';

/** A log that outlives its connections. */
export interface EventLogFixture {
  /** Opens it; what an earlier opening wrote is there. */
  open(): Promise<EventLog>;
  /** Ends and removes everything. */
  destroy(): Promise<void>;
}

/** How patient the suite is: an engine with a rebalancing protocol takes its time. */
export interface EventLogPatience {
  readonly waitMs: number;
}

/** What every event log does, embedded or real. */
export function describeEventLog(
  name: string,
  makeFixture: () => Promise<EventLogFixture>,
  { waitMs }: EventLogPatience,
): void {
  describe(name, { timeout: waitMs * 3 }, () => {
    let fixture: EventLogFixture;
    let opened: EventLog[] = [];

    beforeAll(async () => {
      fixture = await makeFixture();
    }, 120_000);
    afterAll(async () => await fixture.destroy());
    afterEach(async () => {
      await Promise.all(opened.map((log) => log.close()));
      opened = [];
    });

    async function open(): Promise<EventLog> {
      const log = await fixture.open();
      opened.push(log);
      return log;
    }

    async function reopen(log: EventLog): Promise<EventLog> {
      await log.close();
      return await open();
    }

    async function makeTopic(log: EventLog, partitions = 4): Promise<string> {
      const topic = `test.${randomUUID()}`;
      await log.ensureTopic(topic, { partitions });
      return topic;
    }

    const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: waitMs, interval: 10 });

    test('gives each partition dense offsets from 0, in the order of publishing', async () => {
      const log = await open();
      const topic = await makeTopic(log);
      const positions = [
        ...(await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 20))),
        ...(await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 20))),
      ];
      for (const [partition, end] of await log.endOffsets(topic)) {
        const offsets = positions.filter((position) => position.partition === partition).map(({ offset }) => offset);
        expect(offsets).toEqual(offsets.map((_, index) => BigInt(index)));
        expect(end).toBe(BigInt(offsets.length));
      }
    });

    test('puts a key where the Java client of Kafka would', async () => {
      const log = await open();
      const topic = await makeTopic(log, 12);
      const [foobar, abc] = await log.publish([event(topic, 'foobar', 'x'), event(topic, 'abc', 'x')]);
      expect(foobar?.partition).toBe((-790332482 & 0x7fffffff) % 12);
      expect(abc?.partition).toBe(479470107 % 12);
    });

    test('hands over an event as it was published', async () => {
      const log = await open();
      const topic = await makeTopic(log);
      const published = { ...event(topic, 'käse', '{"price":1}'), headers: { ce_type: 'ORDER_PLACED', 'x-ü': 'ä' } };
      const [position] = await log.publish([published]);
      const [stored] = await readSome(log, topic, { at: 'beginning' }, 1);
      expect({ ...stored, value: Buffer.from(stored?.value ?? []) }).toEqual({ ...published, ...position });
    });

    test('lists its topics and leaves the partitions of an existing one as they are', async () => {
      const log = await open();
      const topic = await makeTopic(log, 3);
      await log.ensureTopic(topic, { partitions: 5 });
      expect((await log.topics()).filter(({ name }) => name === topic)).toEqual([{ name: topic, partitions: 3 }]);
      await expect(log.check()).resolves.toBeUndefined();
      await expect(log.checkPartitions()).resolves.toBeUndefined();
    });

    test('refuses an event for a topic that is not there', async () => {
      const log = await open();
      await expect(log.publish([event(`missing.${randomUUID()}`, 'a', 'x')])).rejects.toMatchObject({
        reason: 'UNKNOWN_TOPIC',
      });
    });

    test('keeps what it acknowledged, its topics and its committed offsets over a reopening', async () => {
      let log = await open();
      const topic = await makeTopic(log);
      const group = randomUUID();
      await log.publish(numbered(topic, ['a', 'b', 'c'], 30));
      const first = collector();
      await log.consume({ group, topics: [topic], handle: first.handle });
      await until(() => expect(first.events).toHaveLength(30));

      log = await reopen(log);
      await log.publish(numbered(topic, ['a', 'b', 'c'], 3));
      const second = collector();
      await log.consume({ group, topics: [topic], handle: second.handle });
      await until(() => expect(second.events).toHaveLength(3));
      expect(second.perKey()).toEqual({ a: ['0'], b: ['1'], c: ['2'] });
    });

    test('brings the events of a key in order', async () => {
      const log = await open();
      const topic = await makeTopic(log);
      const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      const seen = collector();
      await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
      for (let round = 0; round < 5; round++) await log.publish(numbered(topic, keys, 70, round * 70));
      await until(() => expect(seen.events).toHaveLength(350));
      for (const values of Object.values(seen.perKey())) {
        expect(values.map(Number)).toEqual(values.map(Number).toSorted((a, b) => a - b));
      }
    });

    test('brings every event to each group', async () => {
      const log = await open();
      const topic = await makeTopic(log);
      await log.publish(numbered(topic, ['a', 'b'], 10));
      const groups = [collector(), collector()];
      for (const seen of groups) await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
      await until(() => expect(groups.map((seen) => seen.events.length)).toEqual([10, 10]));
    });

    test('shares the partitions between members, and loses nothing when one joins or leaves', async () => {
      const log = await open();
      const topic = await makeTopic(log, 6);
      const group = randomUUID();
      const keys = Array.from({ length: 24 }, (_, index) => `key-${index}`);
      const all: StoredEvent[] = [];
      const join = async () => {
        const seen = collector(all);
        return { seen, member: await log.consume({ group, topics: [topic], handle: seen.handle }) };
      };
      let sent = 0;
      const publishAndSee = async () => {
        await log.publish(numbered(topic, keys, 240, sent));
        sent += 240;
        await until(() => expect(distinct(all)).toHaveLength(sent));
      };

      const one = await join();
      const two = await join();
      await publishAndSee();
      const publishing = publishAndSee();
      const three = await join();
      await publishing;
      await until(async () => {
        await log.publish(numbered(topic, keys, keys.length, sent));
        sent += keys.length;
        for (const { seen } of [one, two, three]) expect(seen.events).not.toHaveLength(0);
      });
      const leaving = publishAndSee();
      await two.member.stop();
      const seenByTwo = two.seen.events.length;
      await leaving;
      await publishAndSee();
      expect(two.seen.events).toHaveLength(seenByTwo);
      for (const values of Object.values(perKey(distinct(all)))) {
        expect(values.map(Number)).toEqual(values.map(Number).toSorted((a, b) => a - b));
      }
    });

    test('has one event of a partition in hand at a time, and partitions side by side', async () => {
      const log = await open();
      const topic = await makeTopic(log, 2);
      const inHand = new Map<number, number>();
      let mostInPartition = 0;
      let mostPartitions = 0;
      let handled = 0;
      await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e', 'f'], 60));
      await log.consume({
        group: randomUUID(),
        topics: [topic],
        handle: async ({ partition }) => {
          inHand.set(partition, (inHand.get(partition) ?? 0) + 1);
          mostInPartition = Math.max(mostInPartition, inHand.get(partition) ?? 0);
          mostPartitions = Math.max(mostPartitions, [...inHand.values()].filter((count) => count > 0).length);
          await timeout(2);
          inHand.set(partition, (inHand.get(partition) ?? 0) - 1);
          handled += 1;
        },
      });
      await until(() => expect(handled).toBe(60));
      expect(mostInPartition).toBe(1);
      expect(mostPartitions).toBe(2);
    });

    test('hands over a rejected event again, and nothing behind it before', async () => {
      const log = await open();
      const topic = await makeTopic(log, 1);
      await log.publish(numbered(topic, ['a'], 3));
      const tries: string[] = [];
      await log.consume({
        group: randomUUID(),
        topics: [topic],
        handle: async (stored) => {
          tries.push(text(stored));
          if (text(stored) === '1' && tries.length < 4) throw new Error('not yet');
        },
      });
      await until(() => expect(tries.at(-1)).toBe('2'));
      expect(tries).toEqual(['0', '1', '1', '1', '2']);
    });

    test('brings an event again whose effect was had but which was not committed', async () => {
      let log = await open();
      const topic = await makeTopic(log, 1);
      const group = randomUUID();
      await log.publish(numbered(topic, ['a'], 3));
      const effects: string[] = [];
      const failsAfterEffect: ConsumeOptions['handle'] = async (stored) => {
        effects.push(text(stored));
        if (text(stored) === '1') throw new Error('cut off between effect and commit');
      };
      await log.consume({ group, topics: [topic], handle: failsAfterEffect });
      await until(() => expect(effects).toContain('1'));
      log = await reopen(log);
      const seen = collector();
      await log.consume({ group, topics: [topic], handle: seen.handle });
      await until(() => expect(seen.events.map(text)).toEqual(['1', '2']));
    });

    test('stops a member only when the event in its hands is handled and committed', async () => {
      let log = await open();
      const topic = await makeTopic(log, 1);
      const group = randomUUID();
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<{ readonly by: number; readonly signal: AbortSignal }>();
      const handled: string[] = [];
      const join = (by: number) =>
        log.consume({
          group,
          topics: [topic],
          handle: async (stored, signal) => {
            begun.resolve({ by, signal });
            await gate.promise;
            handled.push(text(stored));
          },
        });
      const members = [await join(0), await join(1)];
      await log.publish(numbered(topic, ['a'], 1));
      const { by, signal } = await begun.promise;
      let stopped = false;
      const stopping = members[by]?.stop().then(() => {
        stopped = true;
      });
      await until(() => expect(signal.aborted).toBe(true));
      // Time enough for a member that did not wait.
      await log.publish(numbered(topic, ['b'], 1, 1));
      await log.publish(numbered(topic, ['b'], 1, 2));
      expect({ stopped, handled }).toEqual({ stopped: false, handled: [] });
      gate.resolve();
      await stopping;
      expect(handled[0]).toBe('0');
      await until(() => expect(handled).toEqual(['0', '1', '2']));

      log = await reopen(log);
      await log.publish(numbered(topic, ['a'], 1, 3));
      const seen = collector();
      await log.consume({ group, topics: [topic], handle: seen.handle });
      await until(() => expect(seen.events.map(text)).toEqual(['3']));
    });

    test('closes while events are being consumed, and goes on where it stopped', async () => {
      let log = await open();
      const topic = await makeTopic(log);
      const group = randomUUID();
      await log.publish(numbered(topic, ['a', 'b', 'c', 'd', 'e'], 500));
      const first = collector();
      await log.consume({ group, topics: [topic], handle: first.handle });
      await until(() => expect(first.events).not.toHaveLength(0));
      log = await reopen(log);
      const second = collector();
      await log.consume({ group, topics: [topic], handle: second.handle });
      await until(() => expect(distinct([...first.events, ...second.events])).toHaveLength(500));
    });

    test('starts a new group at the end when it is asked to', async () => {
      const log = await open();
      const topic = await makeTopic(log, 1);
      await log.publish(numbered(topic, ['a'], 5));
      const seen = collector();
      await log.consume({ group: randomUUID(), topics: [topic], start: 'latest', handle: seen.handle });
      await log.publish([event(topic, 'a', 'new')]);
      await until(() => expect(seen.events.map(text)).toEqual(['new']));
    });

    test('replays from the beginning, from offsets, from a time and from the end', async () => {
      const log = await open();
      const topic = await makeTopic(log, 1);
      const startMs = Date.now() - 60_000;
      const events = numbered(topic, ['a'], 20).map((one, index) => ({ ...one, timeMs: startMs + index * 1000 }));
      await log.publish(events);
      const from = async (position: StartPosition, count: number) =>
        (await readSome(log, topic, position, count)).map(text);

      expect(await from({ at: 'beginning' }, 20)).toEqual(events.map((one) => Buffer.from(one.value).toString()));
      expect(await from({ at: 'offsets', offsets: new Map([[0, 18n]]) }, 2)).toEqual(['18', '19']);
      expect(await from({ at: 'offsets', offsets: new Map() }, 2)).toEqual(['0', '1']);
      expect(await from({ at: 'time', timeMs: startMs + 16_500 }, 3)).toEqual(['17', '18', '19']);
    });

    test('waits within `idle` while there is nothing to read, and works outside of it', async () => {
      const log = await open();
      const topic = await makeTopic(log, 1);
      await log.publish(numbered(topic, ['a'], 3));
      const stop = new AbortController();
      const seen: string[] = [];
      let waits = 0;
      const idle = async (wait: () => Promise<void>) => {
        waits += 1;
        await wait();
        waits -= 1;
      };
      const reading = (async () => {
        for await (const stored of log.read(topic, { at: 'beginning' }, stop.signal, idle)) {
          expect(waits).toBe(0);
          seen.push(text(stored));
        }
      })();
      await until(() => expect([seen.length, waits]).toEqual([3, 1]));
      await log.publish([event(topic, 'a', 'next')]);
      await until(() => expect([seen.length, waits]).toEqual([4, 1]));
      stop.abort();
      await reading;
      expect(waits).toBe(0);
    });

    test('follows a topic from its end until it is told to stop', async () => {
      const log = await open();
      const topic = await makeTopic(log, 3);
      await log.publish(numbered(topic, ['a', 'b', 'c'], 9));
      const stop = new AbortController();
      const seen: StoredEvent[] = [];
      const reading = (async () => {
        for await (const stored of log.read(topic, { at: 'latest' }, stop.signal)) seen.push(stored);
      })();
      let sent = 0;
      await until(async () => {
        await log.publish([event(topic, 'a', `${sent++}`)]);
        expect(seen).not.toHaveLength(0);
      });
      const last = sent - 1;
      await until(() => expect(seen.map(text).at(-1)).toBe(`${last}`));
      stop.abort();
      await reading;
      const values = seen.map((stored) => Number(text(stored)));
      expect(values).toEqual(values.map((_, index) => (values[0] ?? 0) + index));
    });
  });
}
