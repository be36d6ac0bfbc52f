import type { Kafka, KafkaMessage } from 'kafkajs';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import { backoffDelayMs } from '../backoff.ts';
import type { StoredEvent } from '../event-log.ts';
import { protocolErrorOf } from './failures.ts';
import { type Broker, type Cluster, createCluster, type FetchedTopic, fetchFrom, readResponse } from './kafkajs.ts';
import { toStoredEvent } from './records.ts';

/** A partition that is read from an offset on. */
export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  /** The offset to fetch next; fetching moves it. */
  next: bigint;
  /** Whether it takes more now: it is not fetched from while it does not. */
  hasRoom(): boolean;
  deliver(events: readonly StoredEvent[]): void;
}

/** What is fetched, and how long for. */
export interface FetchingOptions {
  readonly kafka: Kafka;
  readonly targets: readonly FetchTarget[];
  /** The tries in a row that may fail before it gives up. */
  readonly maxFailures: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

const longestWaitMs = 500;
// While a partition is left out: it must not wait for news of others once it has room.
const shortWaitMs = 20;
const maxBytes = 4 * 1024 * 1024;
const maxPartitionBytes = 1024 * 1024;
const backoff = { firstMs: 100, maxMs: 5000 };

/**
 * Delivers what the targets' partitions have and get, in order, until `signal` aborts. It follows partitions to other
 * brokers. An offset that the log has no more goes on at the oldest that is kept.
 */
export async function fetchUntilAborted(options: FetchingOptions): Promise<void> {
  const { kafka, targets, signal, clock, logger, maxFailures } = options;
  for (let failures = 0; !signal.aborted; ) {
    const connection = createCluster(kafka);
    const disconnect = async () => {
      try {
        await connection.disconnect();
      } catch (error) {
        logger.debug({ err: error }, 'a connection to Kafka did not end cleanly');
      }
    };
    signal.addEventListener('abort', disconnect);
    const before = targets.map(({ next }) => next);
    try {
      await fetchFromLeaders(connection, options);
    } catch (error) {
      if (signal.aborted) return;
      failures = targets.some(({ next }, index) => next !== before[index]) ? 1 : failures + 1;
      if (failures >= maxFailures) throw error;
      if (failures === 1) logger.warn({ err: error }, 'Kafka cannot be read from; it is tried again');
      await startOverIfOutOfRange(error, options);
    } finally {
      signal.removeEventListener('abort', disconnect);
      await disconnect();
    }
    if (failures > 0) await pause(clock, backoffDelayMs(backoff, failures), signal);
  }
}

/** Rejects when leadership has moved or a broker is gone, resolves when the signal has aborted. */
async function fetchFromLeaders(cluster: Cluster, options: FetchingOptions): Promise<void> {
  const { targets, signal } = options;
  const topics = new Set(targets.map(({ topic }) => topic));
  await cluster.connect();
  await cluster.addMultipleTargetTopics([...topics]);
  const ofLeader = new Map<string, FetchTarget[]>();
  for (const target of targets) {
    const [leader] = Object.keys(cluster.findLeaderForPartitions(target.topic, [target.partition]));
    if (leader === undefined) throw new Error(`${target.topic}/${target.partition} has no leader now`);
    ofLeader.set(leader, [...(ofLeader.get(leader) ?? []), target]);
  }
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  const loops = [...ofLeader].map(async ([nodeId, led]) => {
    try {
      const broker = await cluster.findBroker({ nodeId });
      while (!ended.aborted) await fetchOnce(broker, led, options);
    } catch (error) {
      failed.abort();
      throw error;
    }
  });
  // All of them: one that goes on would deliver what the next round fetches as well.
  const outcome = (await Promise.allSettled(loops)).find(({ status }) => status === 'rejected');
  if (outcome?.status === 'rejected') throw outcome.reason;
}

async function fetchOnce(
  broker: Broker,
  targets: readonly FetchTarget[],
  { clock, signal }: FetchingOptions,
): Promise<void> {
  const open = targets.filter((target) => target.hasRoom());
  if (open.length === 0) return await pause(clock, shortWaitMs, signal);
  const maxWaitMs = open.length === targets.length ? longestWaitMs : shortWaitMs;
  const { responses } = await fetchFrom(broker, toRequest(open), { maxWaitMs, maxBytes });
  for (const { topicName, partitions } of responses) {
    for (const response of partitions) {
      const target = open.find((one) => one.topic === topicName && one.partition === response.partition);
      if (!target) continue;
      const { messages, next } = readResponse(topicName, target.next, response);
      target.next = next;
      if (messages.length > 0) target.deliver(messages.map((message) => toEvent(target, message)));
    }
  }
}

function toEvent({ topic, partition }: FetchTarget, message: KafkaMessage): StoredEvent {
  return toStoredEvent(topic, partition, message);
}

function toRequest(targets: readonly FetchTarget[]): FetchedTopic[] {
  return [...Map.groupBy(targets, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map(({ partition, next }) => ({
      partition,
      fetchOffset: `${next}`,
      maxBytes: maxPartitionBytes,
    })),
  }));
}

async function startOverIfOutOfRange(error: unknown, { kafka, targets, logger }: FetchingOptions): Promise<void> {
  if (protocolErrorOf(error) !== 'OFFSET_OUT_OF_RANGE') return;
  const admin = kafka.admin();
  try {
    await admin.connect();
    for (const topic of new Set(targets.map((target) => target.topic))) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const target = targets.find((one) => one.topic === topic && one.partition === partition);
        if (!target || (target.next >= BigInt(low) && target.next <= BigInt(high))) continue;
        logger.warn({ topic, partition, offset: `${target.next}`, oldest: low }, 'an offset is not kept any more');
        target.next = BigInt(low);
      }
    }
  } catch (failure) {
    logger.debug({ err: failure }, 'the oldest offsets could not be asked for; the next try does');
  } finally {
    await admin.disconnect();
  }
}
