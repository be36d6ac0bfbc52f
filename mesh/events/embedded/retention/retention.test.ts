import { describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import { eventually } from '../../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../../testing/test-clock.ts';
import type { EventLog } from '../../log/event-log.ts';
import { event, readSome, text } from '../../testing/sample-events.ts';
import { testLogFile } from '../testing/log-file.ts';

const hourMs = 60 * 60 * 1000;
const file = testLogFile();

describe('the retention of the embedded log', () => {
  let log: EventLog;

  /** Resolves when the retention waits for its next hour. */
  const retained = (clock: TestClock) => eventually(() => expect(clock.pendingMs()).toContain(hourMs));
  const anHourLater = async (clock: TestClock) => {
    clock.advance(hourMs);
    await retained(clock);
    await log.check();
  };
  /** Opens the log of a process with this clock and waits for the first round of the retention. */
  const openAt = async (clock: TestClock) => {
    await file.close();
    const opened = await file.open({ clock });
    await retained(clock);
    await opened.check();
    return opened;
  };
  const storedRecords = async () => {
    const storage = await openStorage(`sqlite:${file.path}`);
    const [row] = await storage.query('SELECT count(*) AS records FROM record');
    await storage.close();
    return row?.records;
  };

  it('removes events older than the retention at opening and every hour, and keeps the offsets', async () => {
    const clock = createTestClock();
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
    await file.close();
    expect(await storedRecords()).toBe(0n);
    log = await openAt(clock);
    expect(await log.endOffsets('aging')).toEqual(new Map([[0, 1201n]]));
    await log.publish([aged('new')]);
    const fromRemoved = { at: 'offsets', offsets: new Map([[0, 7n]]) } as const;
    expect(await readSome(log, 'aging', fromRemoved, 1)).toMatchObject([{ offset: 1201n }]);
  });

  it('does not count the time for which the log was closed', async () => {
    const clock = createTestClock();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 5 * hourMs });
    const publish = (value: string) => log.publish([{ ...event('aging', 'a', value), timeMs: clock.now() }]);
    await publish('before');
    await anHourLater(clock);
    for (const day of [8, 16]) {
      await file.close();
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

  it('removes events that were written while the clock was a year ahead, and later ones, like all others', async () => {
    const clock = createTestClock();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: hourMs });
    const publish = () => log.publish([{ ...event('aging', 'a', 'x'), timeMs: clock.now() }]);
    clock.shift(365 * 24 * hourMs);
    await publish();
    clock.shift(-365 * 24 * hourMs);
    await publish();
    for (let hours = 0; hours < 3; hours++) await anHourLater(clock);
    await file.close();
    expect(await storedRecords()).toBe(0n);
    log = await openAt(clock);
  });

  it('removes no event early if the mark of its age is damaged', async () => {
    const clock = createTestClock();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 2 * hourMs });
    await log.publish([event('aging', 'a', 'first')]);
    await anHourLater(clock);
    await log.publish([event('aging', 'a', 'second')]);
    await anHourLater(clock);
    await file.close();
    const storage = await openStorage(`sqlite:${file.path}`);
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

  it('removes no young event when the clock is far ahead, at opening or later', async () => {
    const clock = createTestClock(Date.now());
    await file.close();
    log = await file.open({ clock });
    await log.ensureTopic('aging', { partitions: 1, retentionMs: 5 * hourMs });
    await log.publish([{ ...event('aging', 'a', 'kept'), timeMs: clock.now() }]);
    const ahead = createTestClock(clock.now() + 10_000 * hourMs);
    await file.close();
    log = await file.open({ clock: ahead });
    for (let turn = 0; turn < 2; turn++) {
      await eventually(() => expect(ahead.pendingMs()).not.toEqual([]));
      ahead.advance(2 * hourMs);
    }
    await log.publish([{ ...event('aging', 'a', 'last'), timeMs: ahead.now() }]);
    await file.close();
    log = await file.open({ clock });
    await eventually(() => expect(clock.pendingMs()).not.toEqual([]));
    expect((await readSome(log, 'aging', { at: 'beginning' }, 2)).map(text)).toEqual(['kept', 'last']);
  });

  it('lets an event with a future time age with its neighbours', async () => {
    const clock = createTestClock();
    log = await openAt(clock);
    await log.ensureTopic('aging', { partitions: 1, retentionMs: hourMs });
    await log.publish([{ ...event('aging', 'a', 'x'), timeMs: clock.now() + 1000 * hourMs }]);
    await anHourLater(clock);
    await log.publish([{ ...event('aging', 'a', 'y'), timeMs: clock.now() }]);
    await anHourLater(clock);
    await anHourLater(clock);
    expect((await readSome(log, 'aging', { at: 'beginning' }, 1)).map(text)).toEqual(['y']);
  });
});
