import type { Kafka } from 'kafkajs';
import type { Compression } from '../../../config/store-settings.ts';
import { eventTooLargeForKafka } from '../../errors.ts';
import type { EventPosition, NewEvent } from '../../log/event-log.ts';
import { murmur2, partitionOf } from '../../log/murmur2.ts';
import type { KafkaTopics } from '../admin/topics.ts';
import { meansOf, protocolErrorOf } from '../client/protocol-errors.ts';
import { sizeOf, toMessage } from '../protocol/records.ts';
import { createSerialProducer, type Outgoing, type ProducerBatch, type SerialProducer } from './serial-producer.ts';

/** Publishes to a cluster. Events are durable when all in-sync replicas have them. */
export interface Publisher {
  publish(events: readonly NewEvent[]): Promise<EventPosition[]>;
  close(): Promise<void>;
}

interface Placed extends Outgoing {
  readonly producer: SerialProducer;
  readonly bytes: number;
  readonly maxBatchBytes: number;
}

const producers = 4;
const maxRequestBytes = 512 * 1024;

/** Creates a publisher. The events of a partition use the same producer, one request at a time, so they stay in order. */
export function createPublisher(
  newClient: () => Kafka,
  { topics, compression }: { readonly topics: KafkaTopics; readonly compression: Compression },
): Publisher {
  const pool = Array.from({ length: producers }, () => createSerialProducer(newClient, compression));

  async function place(event: NewEvent): Promise<Placed> {
    const { partitions, maxBatchBytes } = await topics.get(event.topic);
    const bytes = sizeOf(event);
    if (bytes > maxBatchBytes)
      throw eventTooLargeForKafka({ topic: event.topic, key: event.key, bytes, maxBytes: maxBatchBytes });
    const partition = partitionOf(event.key, partitions);
    const producer = pool[producerOf(event.topic, partition)];
    if (!producer) throw new Error('no producer');
    return { topic: event.topic, partition, message: toMessage(event, partition), producer, bytes, maxBatchBytes };
  }

  async function placeAll(events: readonly NewEvent[]): Promise<Placed[]> {
    for (const topic of new Set(events.map((event) => event.topic))) await topics.get(topic);
    return await Promise.all(events.map(place));
  }

  async function explain(error: unknown, events: readonly NewEvent[], placed: readonly Placed[]): Promise<unknown> {
    if (protocolErrorOf(error) === 'MESSAGE_TOO_LARGE') return tooLarge(error, events, placed);
    if (meansOf(error) !== 'missing-topic') return error;
    const names = [...new Set(events.map((event) => event.topic))];
    for (const name of names) topics.forget(name);
    // Rejects with the name of the missing topic if it is one of these.
    const asked = await Promise.allSettled(names.map((name) => topics.get(name)));
    return asked.find((answer) => answer.status === 'rejected')?.reason ?? error;
  }

  return {
    async publish(events) {
      const placed = await placeAll(events);
      const offsets = new Map<Outgoing, bigint>();
      const sending = [...Map.groupBy(placed, ({ producer }) => producer)].flatMap(([producer, ofProducer]) =>
        batchesOf(ofProducer).map(async (batch) => {
          const written = await producer.send(batch);
          for (const [index, record] of batch.records.entries()) offsets.set(record, written[index] ?? -1n);
        }),
      );
      const failed = (await Promise.allSettled(sending)).find((outcome) => outcome.status === 'rejected');
      if (failed) throw await explain(failed.reason, events, placed);
      return placed.map((record) => ({ partition: record.partition, offset: offsets.get(record) ?? -1n }));
    },
    async close() {
      await Promise.all(pool.map((producer) => producer.close()));
    },
  };
}

/** Distributes the partitions of a topic over the producers. Topics begin at different producers. */
function producerOf(topic: string, partition: number): number {
  return ((murmur2(Buffer.from(topic)) >>> 8) + partition) % producers;
}

function batchesOf(records: readonly Placed[]): ProducerBatch[] {
  const batches: { records: Placed[]; bytes: number; maxBytes: number }[] = [];
  for (const record of records) {
    const maxBytes = Math.min(maxRequestBytes, record.maxBatchBytes);
    const last = batches.at(-1);
    if (last && last.bytes + record.bytes <= Math.min(last.maxBytes, maxBytes)) {
      last.records.push(record);
      last.bytes += record.bytes;
      last.maxBytes = Math.min(last.maxBytes, maxBytes);
    } else {
      batches.push({ records: [record], bytes: record.bytes, maxBytes });
    }
  }
  return batches;
}

/** The brokers' limit may have decreased since it was requested. */
function tooLarge(error: unknown, events: readonly NewEvent[], placed: readonly Placed[]): unknown {
  const largest = placed.reduce((a, b, index) => (b.bytes > (placed[a]?.bytes ?? 0) ? index : a), 0);
  const [event, record] = [events[largest], placed[largest]];
  return event && record
    ? eventTooLargeForKafka({ topic: event.topic, key: event.key, bytes: record.bytes, maxBytes: record.maxBatchBytes })
    : error;
}
