import { createRequire } from 'node:module';
import kafkajs, { type Kafka, type LogEntry, type SASLOptions } from 'kafkajs';
import type { KafkaTarget } from '../../../config/kafka-url.ts';
import { type ServerTrust, trustOptions } from '../../../config/server-trust.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { type FetchResponse, fetchVersions, readFetchResponse } from '../protocol/fetch-response.ts';
import { readTopicIdResponse, type TopicIdResponse, topicIdRequest, topicIdVersion } from '../protocol/topic-id.ts';
import { fixKafkajs } from './fix-kafkajs.ts';

/** Internals of the library that a reader without a group needs: the leaders of partitions, and fetches from them. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Returns the partitions by the id of their leader; `-1` if there is none. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: { readonly nodeId: string }): Promise<KafkaBroker>;
  readonly brokerPool: {
    /** Tries one broker after another; `null` if all failed. */
    withBroker<T>(ask: (found: { readonly broker: KafkaBroker }) => Promise<T>): Promise<T | null>;
  };
  /** Returns the first kept offset of each partition, or the one after the last. */
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string;
      readonly fromBeginning: boolean;
      readonly partitions: readonly { readonly partition: number }[];
    }[],
  ): Promise<readonly { readonly partitions: readonly { readonly offset: string }[] }[]>;
}

export interface KafkaBroker {
  /** By API. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>>;
  /** Makes requests of an API, in the newest version that both broker and library know. */
  lookupRequest(apiKey: number, api: unknown): (fields: object) => ProtocolRequest;
  readonly connectionPool: { send<T>(request: ProtocolRequest & { readonly response: ResponseReader<T> }): Promise<T> };
}

interface ProtocolRequest {
  readonly request: {
    readonly apiVersion: number;
    readonly apiKey?: number;
    readonly apiName?: string;
    /** Both are the bytes to send. */
    readonly encode?: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly requestTimeout: number;
}

interface ResponseReader<T> {
  decode(bytes: Buffer): Promise<T & { readonly clientSideThrottleTime: number }>;
  parse(answer: T): Promise<T>;
}

/** A partition to fetch from. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: bigint;
  readonly maxBytes: number;
}

// The internals in use were reviewed in this version, the last one. Review them before an upgrade.
const knownVersion = '2.2.4';
const readCommitted = 1;

const require = createRequire(import.meta.url);
const { version } = require('kafkajs/package.json') as { readonly version: string };
if (version !== knownVersion) {
  throw new Error(
    `kafkajs is ${version}, but its inside is known as ${knownVersion}: see mesh/events/kafka/client/kafkajs.ts`,
  );
}
const { requests } = require('kafkajs/src/protocol/requests') as { readonly requests: { readonly Fetch: unknown } };
const errorCodes = require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error };

fixKafkajs();

/** How long a broker may take to answer, in milliseconds. */
export const requestTimeoutMs = 10_000;

/** Maximum age of cached partitions and leaders, in milliseconds. */
export const metadataMaxAgeMs = 5000;

/** Retries that end within seconds. Callers retry and report faults that last longer. */
export const retry = { initialRetryTime: 100, maxRetryTime: 1000, factor: 0.2, multiplier: 2, retries: 4 };
// The first caller learns soon that no broker can be reached, so a process does not start slowly without them.
const connectRetry = { ...retry, retries: 2 };

/** How to connect to the brokers. Default: without TLS and without a user. */
export interface KafkaSecurity extends Partial<Pick<KafkaTarget, 'tls' | 'sasl'>> {
  /** How brokers with TLS are checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust | undefined;
}

/** Creates a client with its own connections. The library logs at `debug`, because errors are rejections. */
export function createKafka(
  brokers: readonly string[],
  logger: Logger,
  { tls = false, trust, sasl }: KafkaSecurity = {},
): Kafka {
  return new kafkajs.Kafka({
    clientId: 'ordermesh',
    brokers: [...brokers],
    ssl: tls && trustOptions(trust),
    // Its type has a variant for each mechanism.
    ...(sasl && { sasl: { ...sasl } as SASLOptions }),
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

/** Returns the connections of a client, to fetch without a group. */
export function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const create = symbol && (Reflect.get(kafka, symbol) as (options: object) => Cluster);
  if (create === undefined) throw new Error('kafkajs makes its connections in another way than before');
  return create({ metadataMaxAge: metadataMaxAgeMs, allowAutoTopicCreation: false, isolationLevel: readCommitted });
}

const fetchApi = 1;

/**
 * Fetches committed records from a broker and does not decode them: the library decodes all of them together, so one
 * unreadable or large batch would fail every partition.
 */
export async function fetchFrom(
  broker: KafkaBroker,
  partitions: readonly FetchedPartition[],
  limits: { readonly maxWaitMs: number; readonly maxBytes: number },
): Promise<FetchResponse> {
  const request = broker.lookupRequest(
    fetchApi,
    requests.Fetch,
  )({
    maxWaitTime: limits.maxWaitMs,
    minBytes: 1,
    maxBytes: limits.maxBytes,
    isolationLevel: readCommitted,
    topics: partitions.map(({ topic, partition, fetchOffset, maxBytes }) => ({
      topic,
      partitions: [{ partition, fetchOffset: `${fetchOffset}`, maxBytes }],
    })),
  });
  const { apiVersion } = request.request;
  if (apiVersion < fetchVersions.oldest || apiVersion > fetchVersions.newest) {
    throw new Error(`the broker fetches in version ${apiVersion}, which Kafka had before 0.11: upgrade it`);
  }
  const response: ResponseReader<FetchResponse> = {
    decode: async (bytes) => {
      const answer = readFetchResponse(bytes, apiVersion);
      return { ...answer, clientSideThrottleTime: answer.throttleMs };
    },
    parse: async (answer) => {
      if (answer.errorCode !== 0) throw protocolError(answer.errorCode);
      return answer;
    },
  };
  return await broker.connectionPool.send({ ...request, response });
}

const metadataApi = 3;

/**
 * Returns the id of a topic, which distinguishes it from an earlier topic of the same name. Empty before Kafka 2.8. The
 * library only knows older versions of this request.
 */
export async function fetchTopicId(broker: KafkaBroker, topic: string): Promise<string> {
  if ((broker.versions[metadataApi]?.maxVersion ?? 0) < topicIdVersion) return '';
  const body = topicIdRequest(topic);
  const request = {
    apiKey: metadataApi,
    apiVersion: topicIdVersion,
    apiName: 'Metadata',
    encode: async () => ({ buf: body, buffer: body }),
  };
  const response: ResponseReader<TopicIdResponse> = {
    decode: async (bytes) => ({ ...readTopicIdResponse(bytes), clientSideThrottleTime: 0 }),
    parse: async (answer) => {
      if (answer.errorCode !== 0) throw protocolError(answer.errorCode);
      return answer;
    },
  };
  return (await broker.connectionPool.send({ request, requestTimeout: requestTimeoutMs, response })).topicId;
}

/** Returns the library's error for a protocol code, with its name as `type`. */
export function protocolError(code: number): Error {
  return errorCodes.createErrorFromCode(code);
}
