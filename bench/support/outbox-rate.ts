import { randomUUID } from 'node:crypto';
import type { Producer } from 'kafkajs';
import { createKafka } from '../../mesh/events/kafka/kafkajs.ts';
import { wrapEvent } from '../../mesh/events/log/envelope.ts';
import type { EventLog, NewEvent } from '../../mesh/events/log/event-log.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';
import { sleep } from '../../mesh/time/sleep.ts';
import { eventOf, logger, openEventService, topic } from './event-service.ts';
import { median } from './rates.ts';

const events = 30_000;
const eventsPerCommit = 500;
const rounds = 5;
const pollMs = 5;

/** Events a second, medians of rounds that alternate. */
export interface OutboxRates {
  /** From a full outbox to Kafka, until the outbox is empty. */
  readonly ours: number;
  /** The same for each second of this process's time on a processor. */
  readonly oursOfCore: number;
  /** Of a bare producer with the same events. */
  readonly peers: number;
}

/** Measures how fast events go from outbox to Kafka, and how fast they would without an outbox. */
export async function compareWithBareProducer(log: EventLog, brokers: string): Promise<OutboxRates> {
  await log.ensureTopic(topic);
  const messages = Array.from({ length: events }, (_, index) =>
    wrapEvent(eventOf(index), { id: randomUUID(), source: '//ordermesh/bench' }),
  );
  const producer = createKafka(brokers.split(','), logger).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const rates = { ours: [] as number[], oursOfCore: [] as number[], peers: [] as number[] };
  try {
    // The first round is for the compilers of both, and the broker's.
    for (let round = 0; round <= rounds; round += 1) {
      const [ours, peers] = [await emptyOutbox(log), await sendBare(producer, messages)];
      if (round === 0) continue;
      rates.ours.push(ours.ofClock);
      rates.oursOfCore.push(ours.ofCore);
      rates.peers.push(peers);
    }
  } finally {
    await producer.disconnect();
  }
  return { ours: median(rates.ours), oursOfCore: median(rates.oursOfCore), peers: median(rates.peers) };
}

async function emptyOutbox(log: EventLog): Promise<{ readonly ofClock: number; readonly ofCore: number }> {
  const all = Promise.withResolvers<void>();
  let published = 0;
  const counting: EventLog = {
    ...log,
    publish: async (batch) => {
      const positions = await log.publish(batch);
      published += batch.length;
      if (published >= events) all.resolve();
      return positions;
    },
  };
  await using service = await openEventService(counting);
  const { storage, outbox } = service;
  for (let from = 0; from < events; from += eventsPerCommit) {
    await storage.transaction(async (tx) => {
      for (let index = from; index < from + eventsPerCommit; index += 1) await outbox.addEvent(tx, eventOf(index));
    });
  }
  const [begunMs, cpuBefore] = [performance.now(), process.cpuUsage()];
  await outbox.start();
  await all.promise;
  // Only now: to ask an outbox that is full costs more than to hand on what is in it.
  while ((await outbox.backlog()).entries > 0) await sleep(clock, pollMs, new AbortController().signal);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ofClock: events / ((performance.now() - begunMs) / 1_000), ofCore: events / ((user + system) / 1_000_000) };
}

async function sendBare(producer: Producer, messages: readonly NewEvent[]): Promise<number> {
  const begunMs = performance.now();
  for (let from = 0; from < messages.length; from += eventsPerCommit) {
    const batch = messages.slice(from, from + eventsPerCommit).map(({ key, value, headers }) => {
      return { key, value: Buffer.from(value), headers: { ...headers } };
    });
    await producer.sendBatch({ topicMessages: [{ topic, messages: batch }], acks: -1 });
  }
  return messages.length / ((performance.now() - begunMs) / 1_000);
}
