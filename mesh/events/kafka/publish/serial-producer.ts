import type { Kafka, Message, Producer, RecordMetadata, TopicMessages } from 'kafkajs';
import { toLogFailure } from '../client/failures.ts';
import { retry } from '../client/kafkajs.ts';
import { meansOf } from '../client/protocol-errors.ts';

/** An event on its way, and where it goes. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly message: Message;
}

/** Events that go out in one request. */
export interface Parcel {
  readonly records: readonly Outgoing[];
  readonly bytes: number;
  /** The most that a request with this parcel may have, other parcels included. */
  readonly maxBytes: number;
}

/** A producer that sends one request at a time, in the order it was asked to. */
export interface SerialProducer {
  /** The offset of each record. A parcel that fails takes with it what waits behind it, which might overtake it otherwise; one that the brokers refuse does not. */
  send(parcel: Parcel): Promise<bigint[]>;
  close(): Promise<void>;
}

interface Waiting {
  readonly parcel: Parcel;
  readonly resolve: (offsets: bigint[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How long the brokers may take until all that must have a record have it, in milliseconds. Less than a request may take. */
const acknowledgeTimeoutMs = 8000;

/** Makes a lane; it connects when it is first used. */
export function createLane(newClient: () => Kafka): SerialProducer {
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
      const offsets = (await sendRecords(taken.flatMap(({ parcel }) => parcel.records))).values();
      for (const { parcel, resolve } of taken) resolve([...offsets.take(parcel.records.length)]);
    } catch (error) {
      await retire();
      const isRefused = meansOf(error) === 'record';
      // One of them is refused. The others are not, and may come twice.
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
    const written = await producer.sendBatch({ topicMessages, acks: -1, timeout: acknowledgeTimeoutMs });
    return offsetsOf(records, written);
  }

  /**
   * After a failure nobody knows what the brokers have. The library takes the sequence numbers back, and what is sent
   * with them next would be taken for a repetition and dropped, though acknowledged. A new producer begins new ones.
   */
  async function retire(): Promise<void> {
    const retired = producer;
    producer = undefined;
    await retired?.disconnect();
  }

  return {
    send: (parcel) =>
      new Promise((resolve, reject) => {
        waiting.push({ parcel, resolve, reject });
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

/** The first, and those behind it as long as all of them may go in one request. */
function takeTogether(waiting: readonly Waiting[]): Waiting[] {
  let bytes = 0;
  let maxBytes = Number.POSITIVE_INFINITY;
  const count = waiting.findIndex(({ parcel }, index) => {
    bytes += parcel.bytes;
    maxBytes = Math.min(maxBytes, parcel.maxBytes);
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

/** A partition's records lie one behind the other. */
function offsetsOf(records: readonly Outgoing[], written: readonly RecordMetadata[]): bigint[] {
  const next = new Map(written.map((one) => [`${one.topicName}/${one.partition}`, BigInt(one.baseOffset ?? -1)]));
  return records.map(({ topic, partition }) => {
    const offset = next.get(`${topic}/${partition}`);
    if (offset === undefined) throw new Error(`the brokers did not say where they put an event of ${topic}`);
    next.set(`${topic}/${partition}`, offset + 1n);
    return offset;
  });
}
