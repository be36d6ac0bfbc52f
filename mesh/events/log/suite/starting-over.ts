import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deadLettersToCount } from '../../../dead-letters/testing/dead-letters.ts';
import { createPrometheusMetrics } from '../../../metrics/prometheus/prometheus-metrics.ts';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { captureLog } from '../../../testing/captured-log.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { createTestClock, type TestClock } from '../../../testing/test-clock.ts';
import type { EventHandler } from '../../consumer/consumer.ts';
import { createEventConsumer, type EventConsumer } from '../../consumer/create-consumer.ts';
import { inboxForgets, record, wrapped } from '../../testing/consumers.ts';
import { outOfReach } from '../../testing/events.ts';
import { keyFor } from '../../testing/key-for.ts';
import type { EventLog, NewEvent } from '../event-log.ts';
import type { TestLogs } from './fixture.ts';

/** What consumers of every event log do with events that their inbox has forgotten. */
export function describeStartingOver({ makeTopic, open, reopen, until }: TestLogs): void {
  let folder: TempFolder;
  let storage: Storage;
  let clock: TestClock;
  let running: EventConsumer[];

  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'service.db')}`);
    await storage.execute('CREATE TABLE effect (handler TEXT NOT NULL, value TEXT NOT NULL)');
    // Kafka accepts no events of the future.
    clock = createTestClock(Date.now() - 10 * 24 * 60 * 60 * 1000);
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((consumer) => consumer.stop()));
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  const { logger, lines } = captureLog();
  const effects = async () => (await storage.query('SELECT value FROM effect')).map(({ value }) => value);
  const at = (topic: string, key: string, version: number): NewEvent => {
    return { ...wrapped(key, version), topic, timeMs: clock.now() };
  };
  async function start(events: EventLog, group: string, topic: string, handle: EventHandler['handle'] = record) {
    const metrics = createPrometheusMetrics({ clock, logger });
    const handler = { group, topics: [topic], handle };
    const consumer = await createEventConsumer({ events, storage, handler, metrics, clock, logger });
    running.push(consumer);
    await consumer.start();
    return { stop: () => consumer.stop(), deadLetters: consumer.deadLetters, metrics };
  }

  it('delivers all events again to a group that starts over, and its consumer skips those that it has forgotten', async () => {
    let log = await open();
    const topic = await makeTopic(log, 1);
    const group = randomUUID();
    const handle: EventHandler['handle'] = async (event, attributes) => {
      if (event.key === 'bad') throw new SyntaxError('not readable');
      return await record(event, attributes);
    };
    await log.publish([at(topic, 'a', 1), at(topic, 'b', 2), at(topic, 'bad', 0)]);
    const first = await start(log, group, topic, handle);
    await until(async () => expect(await effects()).toEqual(['1', '2']));
    await until(async () => expect(await log.committedOffsets(group, topic)).toEqual(new Map([[0, 3n]])));
    await deadLettersToCount(first, 1);
    await inboxForgets(storage, clock);
    await log.publish([at(topic, 'a', 3)]);
    await until(async () => expect(await effects()).toEqual(['1', '2', '3']));
    await first.stop();

    log = await reopen(log, ({ commit }) => commit(group, topic, 0n));
    await log.publish([at(topic, 'a', 4)]);
    const second = await start(log, group, topic, handle);
    await until(async () => expect(await effects()).toContain('4'));
    expect(await effects()).toEqual(['1', '2', '3', '4']);
    await deadLettersToCount(second, 1);
    const counted = `ordermesh_events_skipped_total{group="${group}",topic="${topic}",reason="too-old"} 3\n`;
    expect((await second.metrics.scrape()).text).toContain(counted);
    const warnings = lines.filter((line) => line.level === 'warn' && line.reason === 'too-old');
    expect(warnings).toMatchObject([{ group, topic, partition: 0, offset: '0' }]);
  });

  it('delivers events to a group that is behind for longer than its inbox remembers, and its consumer handles all', async () => {
    let log = await open();
    const topic = await makeTopic(log, 2);
    const group = randomUUID();
    const [waits, continues] = [keyFor(0, 2), keyFor(1, 2)];
    let isAway = false;
    const handle: EventHandler['handle'] = async (event, attributes) => {
      if (isAway && event.key === waits) throw outOfReach();
      return await record(event, attributes);
    };
    await log.publish([at(topic, waits, 1)]);
    const first = await start(log, group, topic, handle);
    await until(async () => expect(await effects()).toEqual(['1']));
    isAway = true;
    clock.advance(1);
    await log.publish([at(topic, waits, 2), at(topic, waits, 3)]);
    clock.advance(1);
    await log.publish([at(topic, continues, 4)]);
    await until(async () => expect(await effects()).toEqual(['1', '4']));
    await inboxForgets(storage, clock);
    await first.stop();

    isAway = false;
    log = await reopen(log);
    await start(log, group, topic, handle);
    await until(async () => expect(await effects()).toEqual(['1', '4', '2', '3']));
  });
}
