import type { Kafka, Message, Producer, RecordMetadata, TopicMessages } from 'kafkajs';
import type { Compression } from '../../../config/store-settings.ts';
import { codecOf } from '../client/compression.ts';
import { toLogFailure } from '../client/failures.ts';
import { retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** An event to publish, with its partition. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly message: Message;
}

/** Events of one request. */
export interface ProducerBatch {
  readonly records: readonly Outgoing[];
  readonly bytes: number;
  /** Maximum bytes of a request with this batch, other batches included. */
  readonly maxBytes: number;
}

/** A producer that sends one request at a time, in the order of the calls. */
export interface SerialProducer {
  /** Resolves with the offset of each record. A failed batch also fails the batches that wait after it, which might overtake it otherwise. A refused batch does not. */
  send(batch: ProducerBatch): Promise<bigint[]>;
  close(): Promise<void>;
}

interface Waiting {
  readonly batch: ProducerBatch;
  readonly resolve: (offsets: bigint[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How long brokers may take to replicate a record, in milliseconds. Less than the request timeout. */
const acknowledgeTimeoutMs = 8000;

/** Creates a producer, which connects when it is first used. */
export function createSerialProducer(newClient: () => Kafka, compression: Compression): SerialProducer {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let producer: Producer | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const taken = takeTogether(waiting);
      waiting = waiting.slice(taken.length);
      await sendTogether(taken);
    }
    running = undefined;
  }

  async function sendTogether(taken: readonly Waiting[]): Promise<void> {
    try {
      const offsets = (await sendRecords(taken.flatMap(({ batch }) => batch.records))).values();
      for (const { batch, resolve } of taken) resolve([...offsets.take(batch.records.length)]);
    } catch (error) {
      await retire();
      const isRefused = meansOf(error) === 'record';
      // One of them is refused. The others are not, and may be published twice.
      if (isRefused && taken.length > 1) for (const one of taken) await sendTogether([one]);
      else for (const { reject } of taken) reject(error);
      if (!isRefused) failWaiting();
    }
  }

  function failWaiting(): void {
    const behind = waiting;
    waiting = [];
    for (const { reject } of behind) reject(toLogFailure(new Error('what was to be published before it failed')));
  }

  async function sendRecords(records: readonly Outgoing[]): Promise<bigint[]> {
    producer ??= await connect(newClient());
    const topicMessages = byTopic(records);
    const written = await producer.sendBatch({
      topicMessages,
      acks: -1,
      timeout: acknowledgeTimeoutMs,
      compression: codecOf(compression),
    });
    return offsetsOf(records, written);
  }

  /**
   * After a failure it is unknown what the brokers have. The library reuses the sequence numbers, and the next records
   * with them would be treated as duplicates: acknowledged and dropped. A new producer starts new sequence numbers.
   */
  async function retire(): Promise<void> {
    const retired = producer;
    producer = undefined;
    await retired?.disconnect();
  }

  return {
    send: (batch) =>
      new Promise((resolve, reject) => {
        waiting.push({ batch, resolve, reject });
        running ??= run();
      }),
    async close() {
      await running;
      await retire();
    },
  };
}

async function connect(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    retry,
    createPartitioner: () => asTold,
  });
  try {
    await producer.connect();
    return producer;
  } catch (error) {
    await producer.disconnect();
    throw error;
  }
}

function asTold({ message }: { readonly message: Message }): number {
  if (message.partition === undefined) throw new Error('a message without a partition');
  return message.partition;
}

/** Returns the first batch and those after it, as long as all of them fit into one request. */
function takeTogether(waiting: readonly Waiting[]): Waiting[] {
  let bytes = 0;
  let maxBytes = Number.POSITIVE_INFINITY;
  const count = waiting.findIndex(({ batch }, index) => {
    bytes += batch.bytes;
    maxBytes = Math.min(maxBytes, batch.maxBytes);
    return index > 0 && bytes > maxBytes;
  });
  return waiting.slice(0, count < 0 ? waiting.length : count);
}

function byTopic(records: readonly Outgoing[]): TopicMessages[] {
  return [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    messages: ofTopic.map(({ message }) => message),
  }));
}

/** The records of a partition are consecutive. */
function offsetsOf(records: readonly Outgoing[], written: readonly RecordMetadata[]): bigint[] {
  const next = new Map(written.map((one) => [`${one.topicName}/${one.partition}`, BigInt(one.baseOffset ?? -1)]));
  return records.map(({ topic, partition }) => {
    const offset = next.get(`${topic}/${partition}`);
    if (offset === undefined) throw new Error(`the brokers did not say where they put an event of ${topic}`);
    next.set(`${topic}/${partition}`, offset + 1n);
    return offset;
  });
}
