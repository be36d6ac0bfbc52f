import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Row, SqlValue, Storage } from '../../../storage/storage.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock } from '../../../time/clock.ts';
import type { StartPosition, StoredEvent } from '../../log/event-log.ts';
import { numbered } from '../../testing/sample-events.ts';
import { type Appender, createAppender } from '../appender.ts';
import { openLogFile } from '../file/open-log-file.ts';
import type { LogTopic } from '../file/partition.ts';
import { follow } from './reader.ts';

describe('readers at the end of a partition', () => {
  let folder: TempFolder;
  let storage: Storage;
  let counting: Storage;
  let topic: LogTopic;
  let appender: Appender;
  let queries: number;
  let stopping: AbortController;

  beforeEach(async () => {
    folder = await tempFolder();
    const path = join(folder.path, 'events.db');
    storage = await openStorage(`sqlite:${path}`);
    const topics = await openLogFile(storage, path, createLogger('silent'));
    await topics.ensure('t', { partitions: 2 });
    topic = topics.get('t');
    appender = createAppender(storage, systemClock);
    queries = 0;
    stopping = new AbortController();
    counting = {
      ...storage,
      async query<R extends Row>(sql: string, params?: readonly SqlValue[]) {
        queries += 1;
        return await storage.query<R>(sql, params);
      },
    };
  });
  afterEach(async () => {
    stopping.abort();
    await nextTurn();
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  async function append(count: number, bytes = 10): Promise<void> {
    const events = numbered('t', ['a', 'b'], count).map((event) => ({ ...event, value: new Uint8Array(bytes) }));
    await appender.append(
      events.map((event, index) => ({ partition: topic.partitions[index % 2] ?? expect.fail('no partition'), event })),
    );
  }

  function read(from: StartPosition): AsyncGenerator<StoredEvent> {
    return follow(counting, topic, from, stopping.signal, (wait) => wait());
  }

  function collect(from: StartPosition): StoredEvent[] {
    const events: StoredEvent[] = [];
    void (async () => {
      for await (const event of read(from)) events.push(event);
    })();
    return events;
  }

  const places = (events: readonly StoredEvent[]) =>
    events.map(({ partition, offset }) => `${partition}/${offset}`).toSorted();
  const inOrder = (events: readonly StoredEvent[]) =>
    [0, 1].every((number) => {
      const offsets = events.filter(({ partition }) => partition === number).map(({ offset }) => offset);
      return offsets.every((offset, index) => index === 0 || offset === (offsets[index - 1] ?? 0n) + 1n);
    });

  it('share what was appended, without a read of the file for each', async () => {
    await append(10);
    const readers = Array.from({ length: 300 }, () => collect({ at: 'latest' }));
    await nextTurn();
    for (let round = 0; round < 5; round += 1) await append(4);
    await eventually(() => expect(readers.every(({ length }) => length === 20)).toBe(true));
    expect(readers.every(inOrder)).toBe(true);
    expect(queries).toBe(0);
  });

  it('get the events that the file has, with the same content', async () => {
    const live = collect({ at: 'latest' });
    await nextTurn();
    await append(6);
    await eventually(() => expect(live).toHaveLength(6));
    stopping.abort();
    stopping = new AbortController();
    for (const partition of topic.partitions) partition.recent.clear();
    const stored = collect({ at: 'beginning' });
    await eventually(() => expect(stored).toHaveLength(6));
    expect(stored).toEqual(live);
    expect(queries).toBeGreaterThan(0);
  });

  it('read the file when they are too slow for what is in memory, without a gap', async () => {
    const fast = collect({ at: 'latest' });
    const slow = read({ at: 'latest' });
    const seen: StoredEvent[] = [];
    const first = slow.next();
    await nextTurn();
    await append(2);
    seen.push((await first).value);
    for (let round = 0; round < 40; round += 1) await append(50);
    // Larger than the memory of a partition.
    await append(4, 300_000);
    const total = 2 + 40 * 50 + 4;
    await eventually(() => expect(fast).toHaveLength(total));
    while (seen.length < total) seen.push((await slow.next()).value);
    expect(places(seen)).toEqual(places(fast));
    expect([seen, fast].every(inOrder)).toBe(true);
    await slow.return(undefined);
  });

  it('resume by offset between what is in the file and what is in memory', async () => {
    await append(20);
    const watching = collect({ at: 'latest' });
    await nextTurn();
    await append(20);
    await eventually(() => expect(watching).toHaveLength(20));
    const resumed = collect({
      at: 'offsets',
      offsets: new Map([
        [0, 7n],
        [1, 15n],
      ]),
    });
    await eventually(() => expect(resumed).toHaveLength(13 + 5));
    expect(inOrder(resumed)).toBe(true);
    await append(2);
    await eventually(() => expect(resumed).toHaveLength(13 + 5 + 2));
  });
});
