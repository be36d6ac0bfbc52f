import { randomUUID } from 'node:crypto';
import type { Producer } from 'kafkajs';
import { createKafka } from '../../mesh/events/kafka/client/kafkajs.ts';
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

/** Events per second, medians of alternating rounds. */
export interface OutboxRates {
  /** From a full outbox to Kafka, until it is empty. */
  readonly ours: number;
  /** The same per second of this process's processor time. */
  readonly oursOfCore: number;
  /** A bare producer with the same events. */
  readonly peers: number;
}

/** Compares publishing from an outbox to Kafka with a bare producer. */
export async function compareWithBareProducer(log: EventLog, brokers: string): Promise<OutboxRates> {
  await log.ensureTopic(topic);
  const messages = Array.from({ length: events }, (_, index) =>
    wrapEvent(eventOf(index), { id: randomUUID(), source: '//ordermesh/bench' }),
  );
  const producer = createKafka(brokers.split(','), logger).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const rates = { ours: [] as number[], oursOfCore: [] as number[], peers: [] as number[] };
  try {
    // The first round warms up both, and the broker.
    for (let round = 0; round <= rounds; round += 1) {
      const [ours, peers] = [await drainOutbox(log), await sendBare(producer, messages)];
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

async function drainOutbox(log: EventLog): Promise<{ readonly ofClock: number; readonly ofCore: number }> {
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
  const [startMs, cpuBefore] = [performance.now(), process.cpuUsage()];
  await outbox.start();
  await all.promise;
  // Polled only at the end: counting the entries of a full outbox costs more than publishing them.
  while ((await outbox.backlog()).some(({ entries }) => entries > 0))
    await sleep(clock, pollMs, new AbortController().signal);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ofClock: events / ((performance.now() - startMs) / 1_000), ofCore: events / ((user + system) / 1_000_000) };
}

async function sendBare(producer: Producer, messages: readonly NewEvent[]): Promise<number> {
  const startMs = performance.now();
  for (let from = 0; from < messages.length; from += eventsPerCommit) {
    const batch = messages.slice(from, from + eventsPerCommit).map(({ key, value, headers }) => {
      return { key, value: Buffer.from(value), headers: { ...headers } };
    });
    await producer.sendBatch({ topicMessages: [{ topic, messages: batch }], acks: -1 });
  }
  return messages.length / ((performance.now() - startMs) / 1_000);
}
