import type { Kafka } from 'kafkajs';
import { createCluster, fetchTopicId } from '../client/kafkajs.ts';

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
