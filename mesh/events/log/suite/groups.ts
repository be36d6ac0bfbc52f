import { randomUUID } from 'node:crypto';
import { setTimeout as timeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../../time/clock.ts';
import { replayEvents } from '../../consumer/replay.ts';
import { collector, distinct, event, numbered, perKey, text } from '../../testing/sample-events.ts';
import type { StartPosition, StoredEvent } from '../event-log.ts';
import type { TestLogs } from './fixture.ts';

/** How every event log delivers to groups. */
export function describeGroups({ makeTopic, open, reopen, until }: TestLogs): void {
  it('keeps acknowledged events, topics and committed offsets when it is reopened', async () => {
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

  it('returns where it starts and ends, and where a group continues', async () => {
    const log = await open();
    const topic = await makeTopic(log, 2);
    const group = randomUUID();
    await log.publish(numbered(topic, ['a', 'b', 'c', 'd'], 20));
    const ends = await log.endOffsets(topic);
    expect(await log.committedOffsets(group, topic)).toEqual(new Map());
    expect(await log.offsetsAt(topic, { at: 'latest' })).toEqual(ends);
    expect(await log.offsetsAt(topic, { at: 'beginning' })).toEqual(new Map([...ends.keys()].map((one) => [one, 0n])));
    expect(await log.offsetsAt(topic, { at: 'time', timeMs: Date.now() + 60_000 })).toEqual(ends);
    const offsets = new Map([[1, 3n]]);
    expect(await log.offsetsAt(topic, { at: 'offsets', offsets })).toEqual(
      new Map([
        [0, 0n],
        [1, 3n],
      ]),
    );
    await log.consume({ group, topics: [topic], handle: collector().handle });
    await until(async () => expect(await log.committedOffsets(group, topic)).toEqual(ends));
  });

  it('is replayed to what is the end now, from the beginning or from offsets', async () => {
    const log = await open();
    const topic = await makeTopic(log, 3);
    await log.publish(numbered(topic, ['a', 'b', 'c', 'd'], 40));
    const ends = await log.endOffsets(topic);
    const seen = collector();
    const handle = async (stored: StoredEvent) => {
      await seen.handle(stored, new AbortController().signal);
      // Not part of the replay, which has begun.
      await log.publish(numbered(topic, ['e'], 1));
      return 'applied' as const;
    };
    const handling = { handle, isKnown: async ({ key }: StoredEvent) => key === 'a', isForgotten: async () => false };
    const handler = { group: 'g', topics: [topic] };
    const deps = { events: log, handler, handling, clock: systemClock };
    const replay = async (from: StartPosition) =>
      (await Array.fromAsync(replayEvents(deps, { from }, new AbortController().signal))).at(-1);
    const last = await replay({ at: 'beginning' });
    expect(last).toMatchObject({ outcomes: { applied: 30, known: 10 }, done: true });
    expect(new Map(last?.positions.map(({ partition, next }) => [partition, next]))).toEqual(ends);
    expect(seen.events.map(({ key }) => key)).not.toContain('e');
    expect(Object.values(seen.perKey()).map((values) => values.length)).toEqual([10, 10, 10]);
    const latest = await log.endOffsets(topic);
    const offsets = new Map([...latest].map(([partition, end]) => [partition, end > 2n ? end - 2n : 0n]));
    const count = [...latest].reduce((sum, [partition, end]) => sum + end - (offsets.get(partition) ?? 0n), 0n);
    const again = await replay({ at: 'offsets', offsets });
    expect(BigInt((again?.outcomes.applied ?? 0) + (again?.outcomes.known ?? 0))).toBe(count);
  });

  it('delivers the events of a key in order', async () => {
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

  it('delivers every event to each group', async () => {
    const log = await open();
    const topic = await makeTopic(log);
    await log.publish(numbered(topic, ['a', 'b'], 10));
    const groups = [collector(), collector()];
    for (const seen of groups) await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    await until(() => expect(groups.map((seen) => seen.events.length)).toEqual([10, 10]));
  });

  it('shares the partitions between members and loses nothing when one joins or leaves', async () => {
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

  it('delivers one event of a partition at a time, and partitions in parallel', async () => {
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

  it.each(['beginning', 'latest'] as const)(
    'starts a group at the beginning if its offset is after the end, even if it began at: %s',
    async (start) => {
      let log = await open();
      const topic = await makeTopic(log, 1);
      const group = randomUUID();
      await log.publish(numbered(topic, ['a'], 3));
      log = await reopen(log, ({ commit }) => commit(group, topic, 1_000n));
      const seen = collector();
      await log.consume({ group, topics: [topic], start, handle: seen.handle });
      await until(() => expect(seen.events.map(text)).toEqual(['0', '1', '2']));
      await log.publish(numbered(topic, ['a'], 1, 3));
      await until(() => expect(seen.events.map(text)).toEqual(['0', '1', '2', '3']));
      log = await reopen(log);
      await log.publish(numbered(topic, ['a'], 1, 4));
      const again = collector();
      await log.consume({ group, topics: [topic], start, handle: again.handle });
      await until(() => expect(again.events.map(text)).toEqual(['4']));
    },
  );

  it('starts a new group at the end if asked to', async () => {
    const log = await open();
    const topic = await makeTopic(log, 1);
    await log.publish(numbered(topic, ['a'], 5));
    const seen = collector();
    await log.consume({ group: randomUUID(), topics: [topic], start: 'latest', handle: seen.handle });
    await log.publish([event(topic, 'a', 'new')]);
    await until(() => expect(seen.events.map(text)).toEqual(['new']));
  });
}
