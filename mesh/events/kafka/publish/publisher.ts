import type { Kafka } from 'kafkajs';
import { eventTooLargeForKafka } from '../../errors.ts';
import type { EventPosition, NewEvent } from '../../log/event-log.ts';
import { murmur2, partitionOf } from '../../log/murmur2.ts';
import type { KafkaTopics } from '../admin/topics.ts';
import { meansOf, protocolErrorOf } from '../client/protocol-errors.ts';
import { sizeOf, toMessage } from '../protocol/records.ts';
import { createLane, type Outgoing, type Parcel, type SerialProducer } from './serial-producer.ts';

/** Publishes to a cluster: durable when all replicas in sync have it, not compressed. */
export interface Publisher {
  publish(events: readonly NewEvent[]): Promise<EventPosition[]>;
  close(): Promise<void>;
}

interface Placed extends Outgoing {
  readonly lane: SerialProducer;
  readonly bytes: number;
  readonly maxBatchBytes: number;
}

const lanes = 4;
const maxParcelBytes = 512 * 1024;

/** Makes a publisher. The events of a partition take the same lane, one request at a time: so they stay in order. */
export function createPublisher(newClient: () => Kafka, topics: KafkaTopics): Publisher {
  const pool = Array.from({ length: lanes }, () => createLane(newClient));

  async function place(event: NewEvent): Promise<Placed> {
    const { partitions, maxBatchBytes } = await topics.get(event.topic);
    const bytes = sizeOf(event);
    if (bytes > maxBatchBytes)
      throw eventTooLargeForKafka({ topic: event.topic, key: event.key, bytes, maxBytes: maxBatchBytes });
    const partition = partitionOf(event.key, partitions);
    const lane = pool[laneOf(event.topic, partition)];
    if (!lane) throw new Error('there are no lanes');
    return { topic: event.topic, partition, message: toMessage(event, partition), lane, bytes, maxBatchBytes };
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
    // Rejects with the name of the one that is missing, if it is one of these.
    const asked = await Promise.allSettled(names.map((name) => topics.get(name)));
    return asked.find((answer) => answer.status === 'rejected')?.reason ?? error;
  }

  return {
    async publish(events) {
      const placed = await placeAll(events);
      const offsets = new Map<Outgoing, bigint>();
      const sending = [...Map.groupBy(placed, ({ lane }) => lane)].flatMap(([lane, ofLane]) =>
        parcelsOf(ofLane).map(async (parcel) => {
          const written = await lane.send(parcel);
          for (const [index, record] of parcel.records.entries()) offsets.set(record, written[index] ?? -1n);
        }),
      );
      const failed = (await Promise.allSettled(sending)).find((outcome) => outcome.status === 'rejected');
      if (failed) throw await explain(failed.reason, events, placed);
      return placed.map((record) => ({ partition: record.partition, offset: offsets.get(record) ?? -1n }));
    },
    async close() {
      await Promise.all(pool.map((lane) => lane.close()));
    },
  };
}

/** The partitions of a topic take turns; the topics begin at different lanes. */
function laneOf(topic: string, partition: number): number {
  return ((murmur2(Buffer.from(topic)) >>> 8) + partition) % lanes;
}

function parcelsOf(records: readonly Placed[]): Parcel[] {
  const parcels: { records: Placed[]; bytes: number; maxBytes: number }[] = [];
  for (const record of records) {
    const maxBytes = Math.min(maxParcelBytes, record.maxBatchBytes);
    const last = parcels.at(-1);
    if (last && last.bytes + record.bytes <= Math.min(last.maxBytes, maxBytes)) {
      last.records.push(record);
      last.bytes += record.bytes;
      last.maxBytes = Math.min(last.maxBytes, maxBytes);
    } else {
      parcels.push({ records: [record], bytes: record.bytes, maxBytes });
    }
  }
  return parcels;
}

/** The brokers' limit may have sunk since it was asked for. */
function tooLarge(error: unknown, events: readonly NewEvent[], placed: readonly Placed[]): unknown {
  const largest = placed.reduce((a, b, index) => (b.bytes > (placed[a]?.bytes ?? 0) ? index : a), 0);
  const [event, record] = [events[largest], placed[largest]];
  return event && record
    ? eventTooLargeForKafka({ topic: event.topic, key: event.key, bytes: record.bytes, maxBytes: record.maxBatchBytes })
    : error;
}
