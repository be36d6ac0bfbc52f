import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { describeEventLog } from '../log/suite/event-log.suite.ts';
import { collector, event, numbered, readSome, text } from '../testing/sample-events.ts';
import { maxEventBytes, openEmbeddedLog } from './embedded-log.ts';
import { loadOffsets } from './file/offsets.ts';
import { openLogFile } from './file/open-log-file.ts';
import { testLogFile } from './testing/log-file.ts';

async function makeFixture() {
  const folder = await tempFolder();
  const silent = createLogger('silent');
  return {
    open: (logger = silent) => openEmbeddedLog(join(folder.path, 'events.db'), { clock: systemClock, logger }),
    commit: async (group: string, topic: string, offset: bigint) => {
      const file = join(folder.path, 'events.db');
      const storage = await openStorage(`sqlite:${file}`);
      const partition = (await openLogFile(storage, file, silent)).get(topic).partitions[0];
      const offsets = await loadOffsets(storage, { file, group, clock: systemClock, logger: silent });
      offsets.note(partition ?? expect.fail('no partition'), offset);
      await offsets.save();
      await storage.close();
    },
    destroy: () => folder[Symbol.asyncDispose](),
  };
}

describeEventLog('the embedded event log', makeFixture, { waitMs: 5000 });

describe('the embedded event log in its file', () => {
  const file = testLogFile();
  let log: EventLog;

  beforeEach(async () => {
    log = await file.open();
    await log.ensureTopic('t', { partitions: 1 });
  });

  it('has every acknowledged event, at dense offsets, after kill -9 while publishing', async () => {
    await file.close();
    const program = fileURLToPath(new URL('../testing/publish-until-killed.ts', import.meta.url));
    const child = spawn(process.execPath, [program, file.path, 'killed'], {
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

    log = await file.open();
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

  it('finds a time by the first event that reached it, even if times are not in order', async () => {
    const times = [1000, 5000, 2000, 3000, 9000, 4000];
    await log.publish(times.map((timeMs) => ({ ...event('t', 'a', `${timeMs}`), timeMs })));
    const first = async (timeMs: number) => (await readSome(log, 't', { at: 'time', timeMs }, 1)).map(text);
    expect(await first(0)).toEqual(['1000']);
    expect(await first(1500)).toEqual(['5000']);
    expect(await first(5001)).toEqual(['9000']);
  });

  it('refuses a value that Kafka would refuse, and nothing else of the same turn', async () => {
    const large = { ...event('t', 'a', ''), value: new Uint8Array(maxEventBytes + 1) };
    const [refused, taken] = await Promise.allSettled([log.publish([large]), log.publish([event('t', 'a', 'x')])]);
    expect(refused).toMatchObject({ reason: { reason: 'EVENT_TOO_LARGE' } });
    expect(taken).toMatchObject({ value: [{ offset: 0n }] });
  });

  it('keeps the position of a group that started at the end and has handled nothing yet', async () => {
    await log.publish([event('t', 'a', 'before')]);
    await log.consume({ group: 'g', topics: ['t'], start: 'latest', handle: async () => undefined });
    await file.close();
    log = await file.open();
    await log.publish([event('t', 'a', 'missed while away')]);
    const seen: string[] = [];
    const handle = async (stored: Parameters<typeof text>[0]) => void seen.push(text(stored));
    await log.consume({ group: 'g', topics: ['t'], start: 'latest', handle });
    await eventually(() => expect(seen).toEqual(['missed while away']));
  });

  it('increases the delay between two attempts at an event up to 30 seconds', async () => {
    const clock = createTestClock();
    await file.close();
    log = await file.open({ clock });
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

  it('ends its readers without an error when it is closed', async () => {
    await log.ensureTopic('many', { partitions: 3 });
    await log.publish(numbered('many', ['a', 'b', 'c', 'd', 'e', 'f'], 6));
    const inMidBatch = log.read('many', { at: 'beginning' }, new AbortController().signal)[Symbol.asyncIterator]();
    expect(await inMidBatch.next()).toMatchObject({ done: false });
    const atItsEnd = readSome(log, 'many', { at: 'beginning' }, 7);
    await file.close();
    expect(await inMidBatch.next()).toMatchObject({ done: true });
    expect((await atItsEnd).length).toBeLessThanOrEqual(6);
  });

  it('lets every member of a group finish its event in progress when it is closed', async () => {
    await log.ensureTopic('shared', { partitions: 2 });
    await log.publish(numbered('shared', ['a', 'b', 'c', 'd', 'e', 'f'], 6));
    const taken: string[] = [];
    const handle = async (stored: Parameters<typeof text>[0], signal: AbortSignal) => {
      taken.push(text(stored));
      await once(signal, 'abort');
    };
    for (let members = 0; members < 2; members++) await log.consume({ group: 'g', topics: ['shared'], handle });
    await eventually(() => expect(taken).toHaveLength(2));
    await file.close();

    log = await file.open();
    const again = collector();
    await log.consume({ group: 'g', topics: ['shared'], handle: again.handle });
    await eventually(() => expect(again.events).toHaveLength(4));
    expect([...again.events.map(text), ...taken].toSorted()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('has new topics and the retention of all topics as its settings say', async () => {
    await file.close();
    const topicDefaults = { partitions: 3, retentionMs: 3_600_000 };
    log = await openEmbeddedLog(file.path, { topicDefaults, clock: systemClock, logger: createLogger('silent') });
    for (const topic of ['t', 'new']) await log.ensureTopic(topic);
    const topics = await log.topics();
    await log.close();
    expect(topics).toEqual([
      { name: 'new', partitions: 3 },
      { name: 't', partitions: 1 },
    ]);
    const storage = await openStorage(`sqlite:${file.path}`);
    const retention = await storage.query('SELECT DISTINCT retention_ms FROM log_topic');
    await storage.close();
    expect(retention).toEqual([{ retention_ms: 3_600_000n }]);
  });

  it('refuses every call after it was closed', async () => {
    await file.close();
    const closed = { reason: 'EVENTS_UNAVAILABLE' };
    const consumer = { group: 'g', topics: ['t'], handle: async () => undefined };
    await expect(log.publish([event('t', 'a', 'x')])).rejects.toMatchObject(closed);
    await expect(log.consume(consumer)).rejects.toMatchObject(closed);
    await expect(log.check()).rejects.toMatchObject(closed);
    await expect(readSome(log, 't', { at: 'beginning' }, 1)).rejects.toMatchObject(closed);
  });
});
