import { createRequire } from 'node:module';
import kafkajs, { type Batch, type Kafka, type KafkaMessage, type LogEntry } from 'kafkajs';
import type { Logger } from '../../telemetry/logger.ts';
import { registerCodecs } from './codecs.ts';

/** What the library keeps to itself and a reader without a group needs: where partitions are, and a fetch from there. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** The partitions by the id of the broker that leads them. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: { readonly nodeId: string }): Promise<Broker>;
}

export interface Broker {
  fetch(request: {
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly isolationLevel: number;
    readonly topics: readonly FetchedTopic[];
  }): Promise<{ readonly responses: readonly TopicResponse[] }>;
}

export interface FetchedTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly fetchOffset: string;
    readonly maxBytes: number;
  }[];
}

interface TopicResponse {
  readonly topicName: string;
  readonly partitions: readonly PartitionResponse[];
}

export interface PartitionResponse {
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

// What is used of the inside was read in this version, the last one: another has to be read first.
const knownVersion = '2.2.4';
const readCommitted = 1;

const require = createRequire(import.meta.url);
const { version } = require('kafkajs/package.json') as { readonly version: string };
if (version !== knownVersion) {
  throw new Error(
    `kafkajs is ${version}, but its inside is known as ${knownVersion}: see mesh/events/kafka/kafkajs.ts`,
  );
}
const BatchOfFetch = require('kafkajs/src/consumer/batch') as new (
  topic: string,
  fetchedOffset: string,
  response: PartitionResponse,
) => Batch;

stopIdleTimers();
registerCodecs();

/** How long a broker may take to answer, in milliseconds. */
export const requestTimeoutMs = 10_000;

/** Retries that end within seconds: what lasts longer is retried, and told, by those who asked. */
export const retry = { initialRetryTime: 100, maxRetryTime: 1000, factor: 0.2, multiplier: 2, retries: 4 };
// Who asks first learns soon that no broker is there, so that a process is not slow to start without them.
const connectRetry = { ...retry, retries: 2 };

/** Makes a client of its own connections. What the library has to say goes to the log at `debug`: errors come as rejections. */
export function createKafka(brokers: readonly string[], logger: Logger): Kafka {
  return new kafkajs.Kafka({
    clientId: 'ordermesh',
    brokers: [...brokers],
    connectionTimeout: 3000,
    requestTimeout: requestTimeoutMs,
    retry: connectRetry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log: { timestamp: _, logger: __, message, ...details } }: LogEntry) =>
        logger.debug({ ...details, namespace }, `kafkajs: ${message}`),
  });
}

/** The connections of a client, to fetch over them without being in a group. */
export function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const create = symbol && (Reflect.get(kafka, symbol) as (options: object) => Cluster);
  if (create === undefined) throw new Error('kafkajs makes its connections in another way than before');
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, isolationLevel: readCommitted });
}

/** Asks a broker for what committed producers wrote. */
export function fetchFrom(
  broker: Broker,
  topics: readonly FetchedTopic[],
  limits: { readonly maxWaitMs: number; readonly maxBytes: number },
): ReturnType<Broker['fetch']> {
  return broker.fetch({
    maxWaitTime: limits.maxWaitMs,
    minBytes: 1,
    maxBytes: limits.maxBytes,
    isolationLevel: readCommitted,
    topics,
  });
}

/** The messages of an answer, without those before the offset asked for, aborted ones and the brokers' own; and what comes next. */
export function readResponse(
  topic: string,
  from: bigint,
  response: PartitionResponse,
): { readonly messages: readonly KafkaMessage[]; readonly next: bigint } {
  if (response.messages.length === 0) return { messages: [], next: from };
  const batch = new BatchOfFetch(topic, `${from}`, response);
  return { messages: batch.messages, next: BigInt(batch.lastOffset()) + 1n };
}

/**
 * After its first answer each connection sets a timer of 1 ms again and again, for requests that wait while a broker
 * throttles, though none do. A request that comes to wait sets the timer by itself.
 */
function stopIdleTimers(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
