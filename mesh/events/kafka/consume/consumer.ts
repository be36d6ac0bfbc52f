import type { Kafka } from 'kafkajs';
import type { Logger } from '../../../telemetry/logger.ts';
import { backoff } from '../../../time/backoff.ts';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import type { ConsumeOptions, LogConsumer } from '../../log/event-log.ts';
import type { AdminConnection } from '../admin/admin-connection.ts';
import { createCluster, fetchTopicId } from '../client/kafkajs.ts';
import { fetchUntilAborted } from './fetching.ts';
import { type CommittedOffset, joinGroup, type TopicPartition } from './membership.ts';
import { createPump, type Pump } from './pump.ts';

export interface ConsumerContext {
  readonly newClient: () => Kafka;
  readonly admin: AdminConnection;
  /** Creates missing topics. */
  readonly ensure: (topics: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The state of a member between two rebalances. */
interface Assignment {
  readonly ended: AbortController;
  readonly pumps: Map<string, Pump>;
}

// After a crash, others get again what was handled in this time.
const commitIntervalMs = 200;
const retryMs = 500;
const missingDelayMs = backoff({ firstMs: 500, maxMs: 10_000 });

/**
 * Starts a member of a group. Rebalances assign partitions to it, each with its own pump. `starts` are the offsets of
 * partitions in which the group has not committed yet; other partitions start at the beginning.
 */
export function createConsumer(
  options: ConsumeOptions,
  starts: ReadonlyMap<string, bigint>,
  context: ConsumerContext,
): LogConsumer {
  const { newClient, admin, ensure, clock, logger } = context;
  const { group, topics, handle, concurrency = 1 } = options;
  let assignment: Assignment = { ended: new AbortController(), pumps: new Map() };
  const committed = new Map<string, bigint>();
  /** For each partition, the end of this process's last work on it. */
  const letGo = new Map<string, Promise<void>>();
  const running = new Set<Promise<void>>();
  /** The ids of topics when the group started. */
  const firstIds = new Map<string, string>();
  let commitTimer: (() => void) | undefined;
  let stopping = false;

  const inBackground = (work: Promise<void>) => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };
  const onRevoked = () => inBackground(revoke());
  const membership = joinGroup({ newClient, createMissing, group, topics, onAssigned, onRevoked, clock, logger });

  /** Commits what was handled, now and when the last handler is done. The group accepts it until all have rejoined. */
  async function revoke(): Promise<void> {
    assignment.ended.abort();
    for (const [key, pump] of assignment.pumps) letGo.set(key, pump.release());
    await Promise.all([tryToCommit(), ...letGo.values()]);
    await tryToCommit();
  }

  function onAssigned(partitions: readonly TopicPartition[]): void {
    onRevoked();
    const { pumps: earlier } = assignment;
    assignment = { ended: new AbortController(), pumps: new Map() };
    inBackground(begin(assignment, partitions, earlier));
  }

  async function begin(
    { ended: { signal }, pumps }: Assignment,
    partitions: readonly TopicPartition[],
    earlier: ReadonlyMap<string, Pump>,
  ): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      const places = await findPlaces(partitions, failures === 1 ? earlier : pumps, signal);
      if (signal.aborted) return;
      for (const place of places) pumps.set(keyOf(place), pumpFrom(place));
      if (pumps.size === 0 || (await fetchFor([...pumps.values()], signal))) return;
      for (const [key, pump] of pumps) letGo.set(key, pump.release());
      await createMissing();
      await sleep(clock, missingDelayMs(failures), signal);
    }
  }

  async function createMissing(): Promise<void> {
    try {
      await ensure(topics);
    } catch (error) {
      logger.warn({ err: error, group, topics }, 'creating a missing topic of a group failed; retrying');
    }
  }

  /** Returns false if a topic is missing: if it is created again, its offsets are new. */
  async function fetchFor(targets: readonly Pump[], signal: AbortSignal): Promise<boolean> {
    const maxFailures = Number.POSITIVE_INFINITY;
    const findTargets = async () => targets;
    try {
      await fetchUntilAborted({ kafka: newClient(), findTargets, maxFailures, signal, clock, logger });
      return true;
    } catch (error) {
      logger.warn({ err: error, group, topics }, 'topic of a group is missing; creating it');
      return false;
    }
  }

  /** Retries until it has the offsets or `signal` aborts. What was handled `earlier` is committed first. */
  async function findPlaces(
    partitions: readonly TopicPartition[],
    earlier: ReadonlyMap<string, Pump>,
    signal: AbortSignal,
  ): Promise<CommittedOffset[]> {
    while (!signal.aborted) {
      try {
        await commit(new Map(partitions.map((one) => [keyOf(one), earlier.get(keyOf(one))])));
        return await placesOf(partitions);
      } catch (error) {
        logger.debug({ err: error, group }, 'reading the offsets of a group failed; retrying');
        await sleep(clock, retryMs, signal);
      }
    }
    return [];
  }

  /** Returns the committed offsets. In partitions without one, the start is committed first, so it does not move. */
  async function placesOf(partitions: readonly TopicPartition[]): Promise<CommittedOffset[]> {
    const ids = await fetchTopicIds(newClient(), topics);
    const answers = await admin.use((one) => one.fetchOffsets({ groupId: group, topics: [...topics] }));
    const known = new Map(
      answers.flatMap(({ topic, partitions: places }) =>
        places.map(
          ({ partition, offset, metadata }) =>
            [keyOf({ topic, partition }), { offset: BigInt(offset), topicId: metadata ?? '' }] as const,
        ),
      ),
    );
    const places = partitions.map((one) => {
      const topicId = ids.get(one.topic) ?? '';
      const { offset, topicId: committedIn } = known.get(keyOf(one)) ?? { offset: -1n, topicId: '' };
      if (offset < 0n) return { ...one, topicId, offset: startOf(one, topicId), isNew: true };
      if (committedIn === '' || topicId === '' || committedIn === topicId)
        return { ...one, topicId, offset, isNew: false };
      logger.warn({ group, ...one, offset: `${offset}` }, 'topic was created again; the group starts at its beginning');
      return { ...one, topicId, offset: 0n, isNew: false };
    });
    const news = places.filter(({ isNew, offset }) => isNew && offset > 0n);
    if (news.length > 0) await membership.commit(news);
    return places;
  }

  /** Returns where the topic ended when the member joined; its beginning if it was created again since. */
  function startOf(one: TopicPartition, topicId: string): bigint {
    const firstId = firstIds.get(one.topic) ?? topicId;
    firstIds.set(one.topic, firstId);
    return firstId === topicId ? (starts.get(keyOf(one)) ?? 0n) : 0n;
  }

  function pumpFrom({ topic, topicId, partition, offset }: CommittedOffset): Pump {
    const after = letGo.get(keyOf({ topic, partition })) ?? Promise.resolve();
    return createPump({
      topic,
      topicId,
      partition,
      start: offset,
      handle,
      concurrency,
      after,
      onHandled: commitSoon,
      clock,
      logger,
    });
  }

  function commitSoon(): void {
    commitTimer ??= clock.after(commitIntervalMs, () => {
      commitTimer = undefined;
      inBackground(tryToCommit());
    });
  }

  async function tryToCommit(): Promise<void> {
    try {
      await commit(assignment.pumps);
    } catch (error) {
      logger.debug({ err: error, group }, 'offset commit failed; retrying');
      if (!stopping) commitSoon();
    }
  }

  async function commit(pumps: ReadonlyMap<string, Pump | undefined>): Promise<void> {
    const offsets = [...pumps.values()].flatMap((pump): CommittedOffset[] => {
      if (pump?.handled === undefined || pump.handled === committed.get(incarnationOf(pump))) return [];
      const { topic, topicId, partition, handled } = pump;
      return [{ topic, topicId, partition, offset: handled }];
    });
    if (offsets.length === 0) return;
    await membership.commit(offsets);
    for (const one of offsets) committed.set(incarnationOf(one), one.offset);
  }

  return {
    async check() {
      for (const { failure } of assignment.pumps.values()) if (failure) throw failure;
    },
    async stop() {
      stopping = true;
      commitTimer?.();
      await revoke();
      await membership.leave();
      await Promise.all(running);
    },
  };
}

/** The same until the topic is created again. */
function incarnationOf(one: TopicPartition & { readonly topicId: string }): string {
  return `${one.topicId}/${keyOf(one)}`;
}

/** A partition as the key of a map. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** Returns the ids of topics by name, requested over a connection that has requested no others. */
export async function fetchTopicIds(kafka: Kafka, topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const cluster = createCluster(kafka);
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics(topics);
    const ids = new Map<string, string>();
    for (const topic of topics) {
      const id = await cluster.brokerPool.withBroker(({ broker }) => fetchTopicId(broker, topic));
      if (id === null) throw new Error(`no broker gave the id of topic ${topic}`);
      ids.set(topic, id);
    }
    return ids;
  } finally {
    await cluster.disconnect();
  }
}
