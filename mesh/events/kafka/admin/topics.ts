import kafkajs, { type Admin, type PartitionMetadata } from 'kafkajs';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { topicNotCreated, topicPending, unknownTopic } from '../../errors.ts';
import { defaultPartitions, defaultRetentionMs } from '../../log/envelope.ts';
import type { TopicDefaults, TopicInfo } from '../../log/event-log.ts';
import { meansOf } from '../client/protocol-errors.ts';
import type { AdminConnection } from './admin-connection.ts';

/** What a producer must know about a topic. */
export interface KafkaTopic extends TopicInfo {
  /** The largest batch of a partition that its brokers accept. */
  readonly maxBatchBytes: number;
}

/** The topics of a cluster. Cached data about a topic expires after a minute. */
export interface KafkaTopics {
  /** Throws NOT_FOUND `UNKNOWN_TOPIC` if there is no topic with this name. */
  get(name: string): Promise<KafkaTopic>;
  /**
   * Checks in the cluster that the topic exists now, with a leader for each partition. Throws NOT_FOUND `UNKNOWN_TOPIC` if it
   * does not, or UNAVAILABLE `EVENTS_UNAVAILABLE` if `ensure` has not succeeded for it yet.
   */
  look(name: string): Promise<void>;
  /** Forgets a topic: it may have been deleted, or created again with other partitions. */
  forget(name: string): void;
  all(): Promise<TopicInfo[]>;
  /** Creates a topic if it is missing. Throws UNAVAILABLE `EVENTS_UNAVAILABLE` if the brokers do not know it within 5 s. */
  ensure(name: string, options: TopicDefaults, signal: AbortSignal): Promise<void>;
}

interface Known {
  readonly topic: Promise<KafkaTopic>;
  readonly untilMs: number;
}

const knownForMs = 60_000;
const createdPollMs = 20;
const createdWaitMs = 5000;

export function createTopics(
  { use }: AdminConnection,
  { clock, defaults }: { readonly clock: Clock; readonly defaults: TopicDefaults },
): KafkaTopics {
  const known = new Map<string, Known>();
  /** The topics that `ensure` has created or found. */
  const ensured = new Set<string>();

  function get(name: string): Promise<KafkaTopic> {
    const found = known.get(name);
    if (found && clock.elapsedMs() < found.untilMs) return found.topic;
    const topic = load(name);
    known.set(name, { topic, untilMs: clock.elapsedMs() + knownForMs });
    topic.catch(() => known.delete(name));
    return topic;
  }

  async function load(name: string): Promise<KafkaTopic> {
    const { length: partitions } = await use((admin) => partitionsOf(admin, name));
    return { name, partitions, maxBatchBytes: await use((admin) => maxBatchBytes(admin, name)) };
  }

  async function isThere(name: string): Promise<boolean> {
    try {
      await get(name);
      return true;
    } catch (error) {
      if (unknownTopic.is(error)) return false;
      throw error;
    }
  }

  /** The controller reports a topic as created before the brokers that lead its partitions know it. */
  async function usable(name: string, signal: AbortSignal): Promise<void> {
    const untilMs = clock.elapsedMs() + createdWaitMs;
    for (;;) {
      try {
        await get(name);
        await use((admin) => admin.fetchTopicOffsets(name));
        return;
      } catch (error) {
        if (signal.aborted || clock.elapsedMs() >= untilMs)
          throw unknownTopic.is(error) ? topicPending({ topic: name }, { cause: error }) : error;
      }
      await sleep(clock, createdPollMs, signal);
    }
  }

  return {
    get,
    async look(name) {
      const partitions = await use((admin) => partitionsOf(admin, name)).catch((error: unknown) => {
        throw unknownTopic.is(error) && !ensured.has(name) ? topicPending({ topic: name }, { cause: error }) : error;
      });
      const away = partitions.find(({ leader }) => leader < 0);
      if (away) throw new Error(`${name}/${away.partitionId} has no leader now`);
    },
    forget: (name) => void known.delete(name),
    async all() {
      const { topics } = await use((admin) => admin.fetchTopicMetadata());
      return topics
        .filter(({ name }) => !name.startsWith('__'))
        .map(({ name, partitions }) => ({ name, partitions: partitions.length }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    async ensure(name, options, signal) {
      if (await isThere(name)) return void ensured.add(name);
      const { partitions = defaultPartitions, retentionMs = defaultRetentionMs } = { ...defaults, ...options };
      const configEntries = [{ name: 'retention.ms', value: `${retentionMs}` }];
      const topic = { topic: name, numPartitions: partitions, configEntries };
      await use((admin) => admin.createTopics({ topics: [topic] }));
      await usable(name, signal);
      ensured.add(name);
    },
  };
}

/** Requests only this topic, so the answer is about no other. */
async function partitionsOf(admin: Admin, name: string): Promise<readonly PartitionMetadata[]> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    return topics[0]?.partitions ?? [];
  } catch (error) {
    throw meansOf(error) === 'missing-topic' ? topicNotCreated({ topic: name }) : error;
  }
}

async function maxBatchBytes(admin: Admin, topic: string): Promise<number> {
  const name = 'max.message.bytes';
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
  });
  return Number(resources[0]?.configEntries.find((entry) => entry.configName === name)?.configValue);
}
