import { expect, it } from 'vitest';
import { event, numbered, readSome, text } from '../../testing/sample-events.ts';
import type { StartPosition, StoredEvent } from '../event-log.ts';
import type { TestLogs } from './fixture.ts';

/** How every event log is read without a group. */
export function describeReading({ makeTopic, open, until }: TestLogs): void {
  it('replays from the beginning, from offsets, from a time and from the end', async () => {
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

  it('starts at the beginning if an offset is after the end', async () => {
    const log = await open();
    const topic = await makeTopic(log, 1);
    await log.publish(numbered(topic, ['a'], 3));
    const from = (offset: bigint): StartPosition => ({ at: 'offsets', offsets: new Map([[0, offset]]) });
    expect((await readSome(log, topic, from(4n), 3)).map(text)).toEqual(['0', '1', '2']);
    const atEnd = readSome(log, topic, from(3n), 1);
    await log.publish([event(topic, 'a', 'next')]);
    expect((await atEnd).map(text)).toEqual(['next']);
  });

  it('waits within `idle` while there is nothing to read, and works outside of it', async () => {
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

  it('follows a topic from its end until it is stopped', async () => {
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
}
