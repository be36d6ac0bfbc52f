import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as timeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { EventConsumer } from '../consumer/create-consumer.ts';
import type { EventLog } from '../log/event-log.ts';
import { silent as logger } from '../testing/events.ts';
import { openPipeline, type Pipeline } from '../testing/pipeline.ts';
import { type RepliesProxy, startRepliesProxy } from '../testing/replies-proxy.ts';
import { collector, event, readSome, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { openKafkaLog } from './kafka-log.ts';

const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`);

/** Opens pipelines on a server and closes them after each test. */
function pipelinesOn(server: () => KafkaServer) {
  const opened: Pipeline[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((pipeline) => pipeline.close()));
  });
  return async (change = (log: EventLog): EventLog => log) => {
    const log = openKafkaLog(`kafka://${server().brokers}`, { clock, logger });
    const topic = `test.${randomUUID()}`;
    const pipeline = await openPipeline(change(log), topic, randomUUID());
    opened.push(pipeline);
    return { pipeline, log, topic };
  };
}

async function countStored(log: EventLog, topic: string): Promise<number> {
  return [...(await log.endOffsets(topic)).values()].reduce((sum, end) => sum + Number(end), 0);
}

/** The ids of all events of a topic, each once. */
async function storedIds(log: EventLog, topic: string): Promise<Set<string | undefined>> {
  const stored = await readSome(log, topic, { at: 'beginning' }, await countStored(log, topic));
  return new Set(stored.map(({ headers }) => headers.ce_id));
}

describeWithServer(kafka, 'events on one broker', () => {
  let server: KafkaServer;
  let proxy: RepliesProxy;
  beforeAll(async () => {
    const [port, brokerPort] = [await freePort(), await freePort()];
    proxy = await startRepliesProxy(port, brokerPort);
    server = await startKafka({ proxy: { port, brokerPort } });
  });
  afterAll(async () => {
    proxy.close();
    await server.stop();
  });
  const openOn = pipelinesOn(() => server);

  it('are stored once and in order even if answers to the producer are lost', {
    timeout: 60_000,
  }, async () => {
    const { pipeline, log, topic } = await openOn();
    await pipeline.join();
    const before = proxy.dropped;
    // A few are repeated inside the client; twenty make all its producers give up, so that the relay sends again.
    for (const count of [1, 20, 3, 20]) {
      proxy.dropProduceReplies(count);
      for (let round = 0; round < 5; round++) await pipeline.commit(keys);
      await pipeline.expectAllOnceInOrder(20_000);
    }
    expect(proxy.dropped - before).toBeGreaterThan(15);
    expect((await storedIds(log, topic)).size).toBe(200);
  });

  it('take effect once even if a fifth of them is delivered twice', async () => {
    const { pipeline } = await openOn((log) => ({
      ...log,
      publish: async (batch) => {
        const positions = await log.publish(batch);
        await log.publish(batch.filter((_, index) => index % 5 === 0));
        return positions;
      },
    }));
    await pipeline.join();
    for (let round = 0; round < 20; round++) await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(15_000);
  });

  it('continue where they were when the broker is killed and restarted', { timeout: 60_000 }, async () => {
    const { pipeline } = await openOn();
    await pipeline.join();
    const committing = (async () => {
      for (let round = 0; round < 60; round++) {
        await pipeline.commit(keys);
        await timeout(50);
      }
    })();
    await timeout(500);
    await server.killBroker(0);
    await timeout(500);
    await server.restartBroker(0);
    await committing;
    await pipeline.expectAllOnceInOrder(40_000);
  });

  it('take effect once while members join and leave every two seconds', { timeout: 60_000 }, async () => {
    const { pipeline } = await openOn();
    await pipeline.join();
    let ended = false;
    const committing = (async () => {
      while (!ended) {
        await pipeline.commit(keys);
        await timeout(10);
      }
    })();
    let guest: EventConsumer | undefined;
    for (let change = 0; change < 7; change++) {
      if (guest) await guest.stop();
      guest = guest ? undefined : await pipeline.join();
      await timeout(2000);
    }
    ended = true;
    await committing;
    await pipeline.expectAllOnceInOrder(20_000);
  });

  it('continue when their topic is deleted: it is created again and no event is refused', {
    timeout: 60_000,
  }, async () => {
    const { pipeline, topic } = await openOn();
    await pipeline.join();
    await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(15_000);
    const admin = createKafka(server.brokers.split(','), logger).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    for (let round = 0; round < 3; round++) await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(40_000);
    expect(await pipeline.storage.query('SELECT id FROM dead_letter')).toEqual([]);
  });

  it('are delivered again to another process when one dies between effect and commit', {
    timeout: 60_000,
  }, async () => {
    await using folder = await tempFolder();
    const url = `kafka://${server.brokers}`;
    const log = openKafkaLog(url, { clock, logger });
    try {
      const [topic, group, file] = [`test.${randomUUID()}`, randomUUID(), join(folder.path, 'effects')];
      await log.ensureTopic(topic, { partitions: 1 });
      const program = fileURLToPath(new URL('../testing/die-after-effect.ts', import.meta.url));
      const child = spawn(process.execPath, [program, url, topic, group, file], { stdio: 'inherit' });
      const exited = once(child, 'exit');
      await log.publish([event(topic, 'a', 'die'), event(topic, 'a', 'after')]);
      expect(await exited).toEqual([null, 'SIGKILL']);
      expect(await readFile(file, 'utf8')).toBe('die\n');
      const seen = collector();
      await log.consume({ group, topics: [topic], handle: seen.handle });
      await eventually(() => expect(seen.events.map(text)).toEqual(['die', 'after']), {
        timeoutMs: 25_000,
      });
    } finally {
      await log.close();
    }
  });
});

describeWithServer(kafka, 'events on three brokers', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka({ brokers: 3 });
  });
  afterAll(() => server.stop());
  const openOn = pipelinesOn(() => server);

  it('continue when one of three brokers is lost, and when it comes back', { timeout: 60_000 }, async () => {
    const { pipeline } = await openOn();
    await pipeline.join();
    await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(15_000);
    await server.killBroker(1);
    for (let round = 0; round < 10; round++) await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(30_000);
    await server.restartBroker(1);
    for (let round = 0; round < 10; round++) await pipeline.commit(keys);
    await pipeline.expectAllOnceInOrder(30_000);
  });
});
