import { createKafka } from '../../../mesh/events/kafka/client/kafkajs.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';

/** What the brokers know of a consumer group and of the topic that it follows. */
export interface ConsumerGroup {
  /** The offsets that the group has committed, by partition. */
  committed(): Promise<Map<number, number>>;
  /** The ends of the partitions that are not empty. */
  ends(): Promise<Map<number, number>>;
  /** The number of members that have partitions. */
  sharing(): Promise<number>;
}

/** Asks with a connection for each question. */
export function consumerGroup(brokers: string, groupId: string, topic: string): ConsumerGroup {
  const kafka = createKafka(brokers.split(','), createLogger('silent'));

  async function ask<T>(question: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      return await question(admin);
    } finally {
      await admin.disconnect();
    }
  }

  return {
    async committed() {
      const [group] = await ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
      return new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    },
    async ends() {
      const offsets = await ask((admin) => admin.fetchTopicOffsets(topic));
      const filled = offsets.filter(({ high }) => high !== '0');
      return new Map(filled.map(({ partition, high }) => [partition, Number(high)]));
    },
    async sharing() {
      const { groups } = await ask((admin) => admin.describeGroups([groupId]));
      const assignments = groups[0]?.members.map(({ memberAssignment }) => memberAssignment) ?? [];
      // They begin with a version and the number of topics.
      return assignments.filter((bytes) => bytes.length > 0 && bytes.readInt32BE(2) > 0).length;
    },
  };
}
