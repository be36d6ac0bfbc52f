import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { describeEventLog } from '../log/suite/event-log.suite.ts';
import { collector, event, numbered, readSome, text } from '../testing/sample-events.ts';
import { maxEventBytes, openEmbeddedLog } from './embedded-log.ts';

const logger = createLogger('silent');
const hourMs = 60 * 60 * 1000;

async function makeFixture() {
  const folder = await mkdtemp(join(tmpdir(), 'event-log-'));
  return {
    open: () => openEmbeddedLog(join(folder, 'events.db'), { clock: systemClock, logger }),
    destroy: () => rm(folder, { recursive: true }),
  };
}

describeEventLog('the embedded event log', makeFixture, { waitMs: 5000 });

describe('the embedded event log in its file', () => {
  let folder: string;
  let log: EventLog;

  const open = (clock: Clock = systemClock) =>
    openEmbeddedLog(join(folder, 'events.db'), {
      clock,
      logger,
      open: (url) => openStorage(url, { exclusive: true, clock }),
    });
  /** Resolves when the retention waits for its next hour. */
  const retained = (clock: TestClock) => eventually(() => expect(clock.pendingMs()).toContain(hourMs));
  const anHourLater = async (clock: TestClock) => {
    clock.advance(hourMs);
    await retained(clock);
    await log.check();
  };
  /** The log of a process with this clock, when the retention has done its first round. */
  const openAt = async (clock: TestClock) => {
    const opened = await open(clock);
    await retained(clock);
    await opened.check();
    return opened;
  };
  const reopen = async (clock: Clock = systemClock) => {
    await log.close();
    return await open(clock);
  };

  const storedRecords = async () => {
    const storage = await openStorage(`sqlite:${join(folder, 'events.db')}`);
    const [row] = await storage.query('SELECT count(*) AS records FROM record');
    await storage.close();
    return row?.records;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'event-log-'));
    log = await open();
    await log.ensureTopic('t', { partitions: 1 });
  });
  afterEach(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });

  test('has every acknowledged event, and dense offsets, after kill -9 in mid-publish', async () => {
    await log.close();
    const program = fileURLToPath(new URL('../testing/publish-until-killed.ts', import.meta.url));
    const child = spawn(process.execPath, [program, join(folder, 'events.db'), 'killed'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line);
      if (acknowledged.length === 500) child.kill('SIGKILL');
    }
    await exited;
    // The last line may be cut off.
    acknowledged.pop();

    log = await open();
    const ends = await log.endOffsets('killed');
    const total = [...ends.values()].reduce((sum, end) => sum + Number(end), 0);
    const stored = await readSome(log, 'killed', { at: 'beginning' }, total);
    const lines = stored.map((one) => `${one.partition} ${one.offset} ${text(one)}`);
    expect(acknowledged.filter((line) => !lines.includes(line))).toEqual([]);
    for (const [partition, end] of ends) {
      const offsets = stored.filter((one) => one.partition === partition).map((one) => Number(one.offset));
      expect(offsets).toEqual(Array.from({ length: Number(end) }, (_, index) => index));
    }
  });

  test('removes what is older than the retention at opening and every hour, and keeps the offsets', async () => {
    const clock = createTestClock();
    await log.close();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: hourMs });
    const aged = (value: string) => ({ ...event('aging', 'a', value), timeMs: clock.now() });
    const texts = async (count: number) => (await readSome(log, 'aging', { at: 'beginning' }, count)).map(text);
    await log.publish(Array.from({ length: 1200 }, (_, index) => aged(`old-${index}`)));
    await anHourLater(clock);
    await log.publish([aged('young')]);
    expect((await texts(1))[0]).toBe('old-0');

    await anHourLater(clock);
    expect((await texts(1))[0]).toBe('old-0');
    await anHourLater(clock);
    expect((await texts(1))[0]).toBe('young');
    await anHourLater(clock);
    await log.close();
    expect(await storedRecords()).toBe(0n);
    log = await openAt(clock);
    expect(await log.endOffsets('aging')).toEqual(new Map([[0, 1201n]]));
    await log.publish([aged('new')]);
    const fromRemoved = { at: 'offsets', offsets: new Map([[0, 7n]]) } as const;
    expect(await readSome(log, 'aging', fromRemoved, 1)).toMatchObject([{ offset: 1201n }]);
  });

  test('removes nothing for the time for which it was closed', async () => {
    const clock = createTestClock();
    await log.close();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 5 * hourMs });
    const publish = (value: string) => log.publish([{ ...event('aging', 'a', value), timeMs: clock.now() }]);
    await publish('before');
    await anHourLater(clock);
    for (const day of [8, 16]) {
      await log.close();
      clock.shift(8 * 24 * hourMs);
      log = await openAt(clock);
      await publish(`day ${day}`);
      await anHourLater(clock);
    }
    const texts = async () => (await readSome(log, 'aging', { at: 'beginning' }, 1)).map(text);
    for (let hours = 0; hours < 3; hours++) await anHourLater(clock);
    expect(await texts()).toEqual(['before']);
    await anHourLater(clock);
    expect(await texts()).toEqual(['day 8']);
  });

  test('removes what a clock that was a year ahead has written, and what came after that, as all else', async () => {
    const clock = createTestClock();
    await log.close();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: hourMs });
    const publish = () => log.publish([{ ...event('aging', 'a', 'x'), timeMs: clock.now() }]);
    clock.shift(365 * 24 * hourMs);
    await publish();
    clock.shift(-365 * 24 * hourMs);
    await publish();
    for (let hours = 0; hours < 3; hours++) await anHourLater(clock);
    await log.close();
    expect(await storedRecords()).toBe(0n);
    log = await openAt(clock);
  });

  test('removes no event early where the mark of its age is damaged', async () => {
    const clock = createTestClock();
    await log.close();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 2 * hourMs });
    await log.publish([event('aging', 'a', 'first')]);
    await anHourLater(clock);
    await log.publish([event('aging', 'a', 'second')]);
    await anHourLater(clock);
    await log.close();
    const storage = await openStorage(`sqlite:${join(folder, 'events.db')}`);
    expect(await storage.execute('UPDATE retention_mark SET aged_ms = aged_ms - 1000000000 WHERE end_offset = 2')).toBe(
      1,
    );
    await storage.close();
    log = await openAt(clock);
    await log.publish([event('aging', 'a', 'third')]);
    const texts = async () => (await readSome(log, 'aging', { at: 'beginning' }, 1)).map(text);
    for (const oldest of ['first', 'second', 'third']) {
      await anHourLater(clock);
      expect(await texts()).toEqual([oldest]);
    }
  });

  test('removes nothing young when the clock is far ahead, at opening or while it runs', async () => {
    const clock = createTestClock(Date.now());
    log = await reopen(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 5 * hourMs });
    await log.publish([{ ...event('aging', 'a', 'kept'), timeMs: clock.now() }]);
    const ahead = createTestClock(clock.now() + 10_000 * hourMs);
    log = await reopen(ahead);
    for (let turn = 0; turn < 2; turn++) {
      await eventually(() => expect(ahead.pendingMs()).not.toEqual([]));
      ahead.advance(2 * hourMs);
    }
    await log.publish([{ ...event('aging', 'a', 'last'), timeMs: ahead.now() }]);
    log = await reopen(clock);
    await eventually(() => expect(clock.pendingMs()).not.toEqual([]));
    expect((await readSome(log, 'aging', { at: 'beginning' }, 2)).map(text)).toEqual(['kept', 'last']);
  });

  test('lets an event that claims to be from the future age with its neighbours', async () => {
    const clock = createTestClock();
    await log.close();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: hourMs });
    await log.publish([{ ...event('aging', 'a', 'x'), timeMs: clock.now() + 1000 * hourMs }]);
    await anHourLater(clock);
    await log.publish([{ ...event('aging', 'a', 'y'), timeMs: clock.now() }]);
    await anHourLater(clock);
    await anHourLater(clock);
    expect((await readSome(log, 'aging', { at: 'beginning' }, 1)).map(text)).toEqual(['y']);
  });

  test('finds a time by the first event that reached it, also when times are not in order', async () => {
    const times = [1000, 5000, 2000, 3000, 9000, 4000];
    await log.publish(times.map((timeMs) => ({ ...event('t', 'a', `${timeMs}`), timeMs })));
    const first = async (timeMs: number) => (await readSome(log, 't', { at: 'time', timeMs }, 1)).map(text);
    expect(await first(0)).toEqual(['1000']);
    expect(await first(1500)).toEqual(['5000']);
    expect(await first(5001)).toEqual(['9000']);
  });

  test('refuses a value that Kafka would not take, and nothing else of the same turn', async () => {
    const large = { ...event('t', 'a', ''), value: new Uint8Array(maxEventBytes + 1) };
    const [refused, taken] = await Promise.allSettled([log.publish([large]), log.publish([event('t', 'a', 'x')])]);
    expect(refused).toMatchObject({ reason: { reason: 'EVENT_TOO_LARGE' } });
    expect(taken).toMatchObject({ value: [{ offset: 0n }] });
  });

  test('keeps the place of a group that started at the end, though it has handled nothing yet', async () => {
    await log.publish([event('t', 'a', 'before')]);
    await log.consume({ group: 'g', topics: ['t'], start: 'latest', handle: async () => undefined });
    log = await reopen();
    await log.publish([event('t', 'a', 'missed while away')]);
    const seen: string[] = [];
    const handle = async (stored: Parameters<typeof text>[0]) => void seen.push(text(stored));
    await log.consume({ group: 'g', topics: ['t'], start: 'latest', handle });
    await eventually(() => expect(seen).toEqual(['missed while away']));
  });

  test('grows the wait between two tries of an event up to 30 seconds', async () => {
    const clock = createTestClock();
    log = await reopen(clock);
    await log.publish([event('t', 'a', 'x')]);
    const waits: number[] = [];
    const atMost30s = () => clock.pendingMs().filter((delayMs) => delayMs <= 30_000);
    await log.consume({ group: 'g', topics: ['t'], handle: () => Promise.reject(new Error('always')) });
    for (let tries = 0; tries < 11; tries++) {
      await eventually(() => expect(atMost30s()).toHaveLength(1));
      const [waitMs = 0] = atMost30s();
      waits.push(waitMs);
      clock.advance(waitMs);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('ends its readers quietly when it is closed, wherever they are', async () => {
    await log.ensureTopic('many', { partitions: 3 });
    await log.publish(numbered('many', ['a', 'b', 'c', 'd', 'e', 'f'], 6));
    const inMidBatch = log.read('many', { at: 'beginning' }, new AbortController().signal)[Symbol.asyncIterator]();
    expect(await inMidBatch.next()).toMatchObject({ done: false });
    const atItsEnd = readSome(log, 'many', { at: 'beginning' }, 7);
    await log.close();
    expect(await inMidBatch.next()).toMatchObject({ done: true });
    expect((await atItsEnd).length).toBeLessThanOrEqual(6);
  });

  test('lets every member of a group finish what it has in hand when it is closed', async () => {
    await log.ensureTopic('shared', { partitions: 2 });
    await log.publish(numbered('shared', ['a', 'b', 'c', 'd', 'e', 'f'], 6));
    const taken: string[] = [];
    const handle = async (stored: Parameters<typeof text>[0], signal: AbortSignal) => {
      taken.push(text(stored));
      await once(signal, 'abort');
    };
    for (let members = 0; members < 2; members++) await log.consume({ group: 'g', topics: ['shared'], handle });
    await eventually(() => expect(taken).toHaveLength(2));
    await log.close();

    log = await open();
    const again = collector();
    await log.consume({ group: 'g', topics: ['shared'], handle: again.handle });
    await eventually(() => expect(again.events).toHaveLength(4));
    expect([...again.events.map(text), ...taken].toSorted()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test('refuses every call after it was closed', async () => {
    await log.close();
    const closed = { reason: 'EVENTS_UNAVAILABLE' };
    const consumer = { group: 'g', topics: ['t'], handle: async () => undefined };
    await expect(log.publish([event('t', 'a', 'x')])).rejects.toMatchObject(closed);
    await expect(log.consume(consumer)).rejects.toMatchObject(closed);
    await expect(log.check()).rejects.toMatchObject(closed);
    await expect(readSome(log, 't', { at: 'beginning' }, 1)).rejects.toMatchObject(closed);
  });
});
