import type { Kafka } from 'kafkajs';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import { backoffDelayMs } from '../backoff.ts';
import type { PartitionResponse } from './fetch-response.ts';
import { type Broker, type Cluster, createCluster, fetchFrom, metadataMaxAgeMs, protocolError } from './kafkajs.ts';
import { createPartitionFeed, type FetchTarget, type PartitionFeed } from './partition-feed.ts';
import { meansOf } from './protocol-errors.ts';

/** What is fetched, and how long for. */
export interface FetchingOptions {
  readonly kafka: Kafka;
  /** The targets there are now, each the same object every time. Asked before the first fetch and every few seconds. */
  readonly findTargets: () => Promise<readonly FetchTarget[]>;
  /** The tries in a row that may fail before it gives up. */
  readonly maxFailures: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

const longestWaitMs = 500;
// While a partition is held back: it must not wait for news of others once it has room.
const shortWaitMs = 20;
const maxBytes = 4 * 1024 * 1024;
const maxPartitionBytes = 1024 * 1024;
const backoff = { firstMs: 100, maxMs: 5000 };

/**
 * Delivers what the targets' partitions have and get, in order, until `signal` aborts. It follows partitions to other
 * brokers. An offset that the log has no more goes on at the oldest that is kept. A partition that cannot be read stops
 * alone. Rejects when a topic is missing, and after too many failures in a row.
 */
export async function fetchUntilAborted(options: FetchingOptions): Promise<void> {
  const { kafka, signal, clock, logger, maxFailures } = options;
  const feeds = new Map<FetchTarget, PartitionFeed>();
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
    const before = positionsOf(feeds);
    try {
      await connection.connect();
      while (!signal.aborted) {
        await takeTargets(feeds, options);
        await fetchFromLeaders(connection, [...feeds.values()], options);
      }
    } catch (error) {
      if (signal.aborted) return;
      failures = positionsOf(feeds) === before ? failures + 1 : 1;
      if (failures >= maxFailures || meansOf(error) === 'missing-topic') throw error;
      if (failures === 1) logger.warn({ err: error }, 'Kafka cannot be read from; it is tried again');
    } finally {
      signal.removeEventListener('abort', disconnect);
      await disconnect();
    }
    if (failures > 0) await pause(clock, backoffDelayMs(backoff, failures), signal);
  }
}

function positionsOf(feeds: ReadonlyMap<FetchTarget, PartitionFeed>): string {
  return [...feeds.keys()].map(({ next }) => next).join();
}

async function takeTargets(
  feeds: Map<FetchTarget, PartitionFeed>,
  { findTargets, clock, logger }: FetchingOptions,
): Promise<void> {
  for (const target of await findTargets()) {
    if (!feeds.has(target)) feeds.set(target, createPartitionFeed(target, clock, logger));
  }
}

/** Rejects when leadership has moved or a broker is gone, resolves when the signal has aborted, or after a few seconds. */
async function fetchFromLeaders(
  cluster: Cluster,
  feeds: readonly PartitionFeed[],
  options: FetchingOptions,
): Promise<void> {
  const { signal, clock } = options;
  await cluster.addMultipleTargetTopics([...new Set(feeds.map(({ target }) => target.topic))]);
  await cluster.refreshMetadata();
  const ofLeader = new Map<string, PartitionFeed[]>();
  for (const feed of feeds) {
    const { topic, partition } = feed.target;
    const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    if (leader === undefined) throw new Error(`${topic}/${partition} has no leader now`);
    ofLeader.set(leader, [...(ofLeader.get(leader) ?? []), feed]);
  }
  const over = new AbortController();
  const stale = clock.after(metadataMaxAgeMs, () => over.abort());
  const ended = AbortSignal.any([signal, over.signal]);
  const loops = [...ofLeader].map(async ([nodeId, led]) => {
    try {
      const broker = await cluster.findBroker({ nodeId });
      while (!ended.aborted) await fetchOnce(cluster, broker, led, options);
    } catch (error) {
      over.abort();
      throw error;
    }
  });
  // All of them: one that goes on would deliver what the next round fetches as well.
  const outcome = (await Promise.allSettled(loops)).find(({ status }) => status === 'rejected');
  stale();
  if (outcome?.status === 'rejected') throw outcome.reason;
}

async function fetchOnce(
  cluster: Cluster,
  broker: Broker,
  feeds: readonly PartitionFeed[],
  { clock, signal, logger }: FetchingOptions,
): Promise<void> {
  for (const feed of feeds) await feed.handOn();
  const hungry = feeds.filter(({ isHungry }) => isHungry);
  if (hungry.length === 0) return await pause(clock, shortWaitMs, signal);
  const maxWaitMs = feeds.some(({ isHeldBack }) => isHeldBack) ? shortWaitMs : longestWaitMs;
  const { partitions } = await fetchFrom(broker, inRandomOrder(hungry).map(toRequest), { maxWaitMs, maxBytes });
  for (const response of partitions) {
    const isMeant = ({ target }: PartitionFeed) =>
      target.topic === response.topic && target.partition === response.partition;
    const feed = hungry.find(isMeant);
    if (feed === undefined) continue;
    if (response.errorCode === 0) feed.accept(response);
    else await recover(cluster, feed, response, logger);
  }
  for (const feed of hungry) await feed.handOn();
}

/** Throws what a new look at the cluster may help; what concerns the partition alone stops it alone. */
async function recover(
  cluster: Cluster,
  feed: PartitionFeed,
  { errorCode }: PartitionResponse,
  logger: Logger,
): Promise<void> {
  const error = protocolError(errorCode);
  const means = meansOf(error);
  if (means === 'out-of-range') await startOver(cluster, feed.target, logger);
  else if (means === 'passing' || means === 'missing-topic') throw error;
  else feed.fail(error);
}

async function startOver(cluster: Cluster, target: FetchTarget, logger: Logger): Promise<void> {
  const { topic, partition } = target;
  const ask = async (fromBeginning: boolean) => {
    const [answer] = await cluster.fetchTopicsOffset([{ topic, fromBeginning, partitions: [{ partition }] }]);
    return BigInt(answer?.partitions[0]?.offset ?? target.next);
  };
  const [oldest, end] = [await ask(true), await ask(false)];
  if (target.next >= oldest && target.next <= end) return;
  logger.warn({ topic, partition, offset: `${target.next}`, oldest: `${oldest}` }, 'an offset is not kept any more');
  target.next = oldest;
}

/** Brokers fill their answer in the order of the request: nobody is always last. */
function inRandomOrder<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function toRequest({ target: { topic, partition, next } }: PartitionFeed) {
  return { topic, partition, fetchOffset: next, maxBytes: maxPartitionBytes };
}
