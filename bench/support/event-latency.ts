import { setTimeout as delay } from 'node:timers/promises';
import type { EventHandler } from '../../mesh/events/consumer/consumer.ts';
import { createEventConsumer } from '../../mesh/events/consumer/create-consumer.ts';
import type { EventLog } from '../../mesh/events/log/event-log.ts';
import { systemClock as clock } from '../../mesh/time/clock.ts';
import { runAtRate } from './concurrency.ts';
import { eventOf, logger, openEventService, topic } from './event-service.ts';
import { medianOfRounds } from './rates.ts';

const warmUpEvents = 400;
const rounds = 5;
const eventsPerRound = 400;
const events = warmUpEvents + rounds * eventsPerRound;
const eventsPerSecond = 200;
const maxWaitMs = 30_000;

/**
 * Measures the time from the commit of a transaction with an event, in one database, to the commit of its effect, in another.
 * In milliseconds, at a constant event rate. Returns the medians over several rounds, because on a busy machine some rounds
 * wait for a processor.
 */
export async function measureLatency(log: EventLog): Promise<{ readonly p50: number; readonly p99: number }> {
  await using producer = await openEventService(log);
  await using consumer = await openEventService(log);
  await consumer.storage.execute('CREATE TABLE effect (version BIGINT NOT NULL)');
  const committedMs = new Map<bigint, number>();
  const latenciesMs = new Map<bigint, number>();
  const all = Promise.withResolvers<void>();

  const handle: EventHandler['handle'] = async (_, { version = 0n }) => {
    return async (tx) => {
      await tx.execute('INSERT INTO effect (version) VALUES ($1)', [version]);
      tx.afterCommit(() => {
        latenciesMs.set(version, performance.now() - (committedMs.get(version) ?? Number.NaN));
        if (latenciesMs.size === events) all.resolve();
      });
    };
  };
  const handler = { group: 'bench', topics: [topic], handle };
  const reader = await createEventConsumer({
    events: log,
    storage: consumer.storage,
    handler,
    clock,
    logger,
  });
  await producer.outbox.start();
  await reader.start();
  try {
    await runAtRate(events, eventsPerSecond, async (index) => {
      await producer.storage.transaction(async (tx) => {
        await producer.outbox.addEvent(tx, eventOf(index));
        tx.afterCommit(() => committedMs.set(BigInt(index), performance.now()));
      });
    });
    await Promise.race([all.promise, tooLate()]);
  } finally {
    await reader.stop();
  }
  const inOrder = Array.from({ length: events }, (_, index) => latenciesMs.get(BigInt(index)) ?? Number.NaN);
  const ofAll = (share: number) => medianOfRounds(inOrder.slice(warmUpEvents), rounds, share);
  return { p50: ofAll(0.5), p99: ofAll(0.99) };
}

async function tooLate(): Promise<never> {
  await delay(maxWaitMs, undefined, { ref: false });
  throw new Error(`some events had no effect within ${maxWaitMs / 1_000} s`);
}
