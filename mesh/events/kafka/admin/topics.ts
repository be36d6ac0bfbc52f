import kafkajs, { type Admin, type PartitionMetadata } from 'kafkajs';
import type { Clock } from '../../../time/clock.ts';
import { sleep } from '../../../time/sleep.ts';
import { topicNotCreated, unknownTopic } from '../../errors.ts';
import { defaultPartitions, defaultRetentionMs } from '../../log/envelope.ts';
import type { TopicInfo } from '../../log/event-log.ts';
import { meansOf } from '../client/protocol-errors.ts';
import type { AdminConnection } from './admin-connection.ts';

/** What a producer has to know of a topic. */
export interface KafkaTopic extends TopicInfo {
  /** The largest batch of a partition that its brokers take. */
  readonly maxBatchBytes: number;
}

/** The topics of a cluster. What is known of one is asked for again after a minute. */
export interface KafkaTopics {
  /** NOT_FOUND `UNKNOWN_TOPIC` when there is none of that name. */
  get(name: string): Promise<KafkaTopic>;
  /** Asks the cluster whether the topic is there now, with a leader of each partition; rejects as `get` does. */
  look(name: string): Promise<void>;
  /** Asks again next time: the topic may have been deleted, or made again with other partitions. */
  forget(name: string): void;
  all(): Promise<TopicInfo[]>;
  ensure(
    name: string,
    options: { readonly partitions?: number; readonly retentionMs?: number },
    signal: AbortSignal,
  ): Promise<void>;
}

interface Known {
  readonly topic: Promise<KafkaTopic>;
  readonly untilMs: number;
}

const knownForMs = 60_000;
const createdPollMs = 20;
const createdWaitMs = 5000;

/** Makes the topics of the cluster that is asked over a connection. */
export function createTopics({ use }: AdminConnection, clock: Clock): KafkaTopics {
  const known = new Map<string, Known>();

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

  /** Created is what the controller says; the brokers that lead its partitions hear of it a little later. */
  async function usable(name: string, signal: AbortSignal): Promise<void> {
    const untilMs = clock.elapsedMs() + createdWaitMs;
    for (;;) {
      try {
        await get(name);
        await use((admin) => admin.fetchTopicOffsets(name));
        return;
      } catch (error) {
        if (signal.aborted || clock.elapsedMs() >= untilMs) throw error;
      }
      await sleep(clock, createdPollMs, signal);
    }
  }

  return {
    get,
    async look(name) {
      const partitions = await use((admin) => partitionsOf(admin, name));
      const away = partitions.find(({ leader }) => leader < 0);
      if (away) throw new Error(`${name}/${away.partitionId} has no leader now`);
    },
    forget: (name) => void known.delete(name),
    async all() {
      const { topics } = await use((admin) => admin.fetchTopicMetadata());
      return topics
        .filter(({ name }) => !name.startsWith('__'))
        .map(({ name, partitions }) => ({ name, partitions: partitions.length }));
    },
    async ensure(name, { partitions = defaultPartitions, retentionMs = defaultRetentionMs }, signal) {
      if (await isThere(name)) return;
      const configEntries = [{ name: 'retention.ms', value: `${retentionMs}` }];
      const topic = { topic: name, numPartitions: partitions, configEntries };
      await use((admin) => admin.createTopics({ topics: [topic] }));
      await usable(name, signal);
    },
  };
}

/** Asks for this topic alone, so that the answer is about no other. */
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
