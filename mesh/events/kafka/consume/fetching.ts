import type { Kafka } from 'kafkajs';
import { logFailedAttempt } from '../../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { toLogFailure } from '../client/failures.ts';
import { type Cluster, createCluster, fetchFrom, metadataMaxAgeMs, protocolError } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';
import type { PartitionResponse } from '../protocol/fetch-response.ts';
import { createPartitionFeed, type FetchTarget, type PartitionFeed } from './partition-feed.ts';

export interface FetchingOptions {
  readonly kafka: Kafka;
  /** Returns the current targets, each always the same object. Called before the first fetch and every few seconds. */
  readonly findTargets: () => Promise<readonly FetchTarget[]>;
  /** Maximum failed attempts in a row. */
  readonly maxFailures: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

const longestWaitMs = 500;
// While a partition is full: it must not wait for events of others when it has room again.
const shortWaitMs = 20;
const maxBytes = 4 * 1024 * 1024;
const maxPartitionBytes = 1024 * 1024;
const retryDelayMs = backoff({ firstMs: 100, maxMs: 5000 });
const leaderNotAvailable = 5;
const noLeader = '-1';
// The delay before the leader of a partition without one is requested again.
const leaderlessMaxAgeMs = 1000;

/**
 * Delivers the events of the targets' partitions, in order, until `signal` aborts. Follows partitions to other brokers.
 * An offset that is no longer kept continues at the oldest one. A partition that cannot be read or has no leader stops
 * alone, and so do those of a broker that does not answer. Rejects if a topic is missing, or after too many failed
 * attempts in a row.
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
        logger.debug({ err: error }, 'connection to Kafka did not close cleanly');
      }
    };
    signal.addEventListener('abort', disconnect);
    try {
      await connection.connect();
      for (let isConnected = true; isConnected && !signal.aborted; ) {
        await takeTargets(feeds, options);
        isConnected = await fetchFromLeaders(connection, [...feeds.values()], options);
        failures = 0;
      }
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (failures >= maxFailures || meansOf(error) === 'missing-topic') throw error;
      const attempt = { err: toLogFailure(error) };
      logFailedAttempt({ logger, clock, level: 'warn', failures }, attempt, 'reading from Kafka failed; retrying');
    } finally {
      signal.removeEventListener('abort', disconnect);
      await disconnect();
    }
    if (failures > 0) await sleep(clock, retryDelayMs(failures), signal);
  }
}

async function takeTargets(
  feeds: Map<FetchTarget, PartitionFeed>,
  { findTargets, clock, logger }: FetchingOptions,
): Promise<void> {
  for (const target of await findTargets()) {
    if (!feeds.has(target)) feeds.set(target, createPartitionFeed(target, clock, logger));
  }
}

/**
 * Fetches until the signal aborts, leaders have moved, or cached metadata has expired. Returns false if a broker did
 * not answer and its connections must be replaced. Rejects if the cluster cannot be reached or a topic is missing.
 */
async function fetchFromLeaders(
  cluster: Cluster,
  feeds: readonly PartitionFeed[],
  options: FetchingOptions,
): Promise<boolean> {
  const { signal, clock } = options;
  await cluster.addMultipleTargetTopics([...new Set(feeds.map(({ target }) => target.topic))]);
  await cluster.refreshMetadata();
  const ofLeader = Map.groupBy(feeds, (feed) => findLeader(cluster, feed));
  const leaderless = ofLeader.get(noLeader) ?? [];
  ofLeader.delete(noLeader);
  for (const feed of leaderless) feed.miss(protocolError(leaderNotAvailable));
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const isStale = sleep(clock, leaderless.length > 0 ? leaderlessMaxAgeMs : metadataMaxAgeMs, ended);
  let isConnected = true;
  const loops = [...ofLeader].map(async ([nodeId, led]) => {
    try {
      await fetchFromLeader(cluster, nodeId, led, { ...options, signal: ended });
    } catch (error) {
      if (meansOf(error) === 'missing-topic') throw error;
      isConnected = false;
      if (!signal.aborted) for (const feed of led) feed.miss(asError(error));
    } finally {
      over.abort();
    }
  });
  void isStale.then(() => over.abort());
  // All of them, because a continuing one would deliver events that the next round fetches too.
  const outcomes = await Promise.allSettled([isStale, ...loops]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return isConnected;
}

/** Resolves when the signal has aborted, or the leader may have changed. */
async function fetchFromLeader(
  cluster: Cluster,
  nodeId: string,
  feeds: readonly PartitionFeed[],
  { clock, signal, logger }: FetchingOptions,
): Promise<void> {
  for (let isLeader = true; isLeader && !signal.aborted; ) {
    for (const feed of feeds) await feed.handOn();
    const hungry = feeds.filter(({ isHungry }) => isHungry);
    if (hungry.length === 0) {
      await sleep(clock, shortWaitMs, signal);
      continue;
    }
    const maxWaitMs = feeds.some(({ isHeldBack }) => isHeldBack) ? shortWaitMs : longestWaitMs;
    const broker = await cluster.findBroker({ nodeId });
    const { partitions } = await fetchFrom(broker, inRandomOrder(hungry).map(toRequest), { maxWaitMs, maxBytes });
    for (const response of partitions) {
      const isMeant = ({ target }: PartitionFeed) =>
        target.topic === response.topic && target.partition === response.partition;
      const feed = hungry.find(isMeant);
      if (feed === undefined) continue;
      if (response.errorCode === 0) feed.accept(response);
      else if (!(await recover(cluster, feed, response, logger))) isLeader = false;
    }
    for (const feed of hungry) await feed.handOn();
  }
}

/** Returns false if fresh metadata may help. A fault of one partition stops only that one. */
async function recover(
  cluster: Cluster,
  feed: PartitionFeed,
  { errorCode }: PartitionResponse,
  logger: Logger,
): Promise<boolean> {
  const error = protocolError(errorCode);
  const means = meansOf(error);
  if (means === 'missing-topic') throw error;
  if (means === 'out-of-range' && (await startOver(cluster, feed.target, logger))) return true;
  if (means !== 'passing' && means !== 'out-of-range') {
    feed.fail(error);
    return true;
  }
  feed.miss(error);
  return false;
}

/** Returns false if the offset is kept after all. */
async function startOver(cluster: Cluster, target: FetchTarget, logger: Logger): Promise<boolean> {
  const { topic, partition } = target;
  const ask = async (fromBeginning: boolean) => {
    const [answer] = await cluster.fetchTopicsOffset([{ topic, fromBeginning, partitions: [{ partition }] }]);
    return BigInt(answer?.partitions[0]?.offset ?? target.next);
  };
  const [oldest, end] = await Promise.all([ask(true), ask(false)]);
  if (target.next >= oldest && target.next <= end) return false;
  logger.warn(
    { topic, partition, offset: `${target.next}`, oldest: `${oldest}` },
    'offset is not in the partition; starting at its beginning',
  );
  target.startOver(oldest);
  return true;
}

function findLeader(cluster: Cluster, { target: { topic, partition } }: PartitionFeed): string {
  const [leader = noLeader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
  return leader;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Rotates the order, because brokers fill their answer in the order of the request. */
function inRandomOrder<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function toRequest({ target: { topic, partition, next } }: PartitionFeed) {
  return { topic, partition, fetchOffset: next, maxBytes: maxPartitionBytes };
}
