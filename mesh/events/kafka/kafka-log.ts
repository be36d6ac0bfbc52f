import { Status } from 'nice-grpc-common';
import { parseKafkaUrl } from '../../config/kafka-url.ts';
import type { ServerTrust } from '../../config/server-trust.ts';
import type { Compression } from '../../config/store-settings.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { logClosed } from '../errors.ts';
import type {
  ConsumeOptions,
  EventLog,
  Idle,
  LogConsumer,
  StartPosition,
  StoredEvent,
  TopicDefaults,
} from '../log/event-log.ts';
import { createAdminConnection } from './admin/admin-connection.ts';
import { createLogCheck } from './admin/log-check.ts';
import { createTopics } from './admin/topics.ts';
import { toLogFailure } from './client/failures.ts';
import { createKafka } from './client/kafkajs.ts';
import { createConsumer, keyOf } from './consume/consumer.ts';
import { follow } from './consume/reader.ts';
import { startsOf } from './consume/starts.ts';
import { createTails } from './consume/tails.ts';
import { createPublisher } from './publish/publisher.ts';

export interface KafkaLogOptions {
  /** How brokers with TLS are checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
  /** Default: none. */
  readonly compression?: Compression;
  /** Partitions and retention of the topics that it creates. */
  readonly topicDefaults?: TopicDefaults;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens the event log on the Kafka cluster of a `kafka://` or `kafka+ssl://` URL, even if no broker can be reached: it
 * connects when it is used. While it cannot connect, calls reject with UNAVAILABLE `EVENTS_UNAVAILABLE` and consumers
 * retry.
 */
export function openKafkaLog(url: string, options: KafkaLogOptions): EventLog {
  const { trust, compression = 'none', topicDefaults = {}, clock, logger } = options;
  const target = parseKafkaUrl(url);
  if (!target) throw new RangeError('the URL is not that of a Kafka cluster: check EVENTS_URL');
  const newClient = () => createKafka(target.brokers, logger, { ...target, trust });
  const closing = new AbortController();
  const consumers = new Set<LogConsumer>();
  const admin = createAdminConnection(newClient, clock);
  const topics = createTopics(admin, { clock, defaults: topicDefaults });
  const publisher = createPublisher(newClient, { topics, compression });
  const state = createLogCheck({
    ask: () => admin.use((one) => one.describeCluster()),
    askForTopic: topics.look,
    isOutage: (error) => toLogFailure(error).code === Status.UNAVAILABLE,
    clock,
  });
  const ensure = async (names: readonly string[]) => {
    for (const name of names) {
      topics.forget(name);
      await topics.ensure(name, {}, closing.signal);
    }
  };
  const context = { newClient, admin, ensure, clock, logger };
  const tails = createTails(context);

  async function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    if (closing.signal.aborted) throw logClosed();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MeshError)) admin.renew();
      throw toLogFailure(error);
    }
  }

  async function endOffsets(topic: string): Promise<Map<number, bigint>> {
    await topics.get(topic);
    const offsets = await admin.use((one) => one.fetchTopicOffsets(topic));
    return new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
  }

  async function committedOffsets(group: string, topic: string): Promise<Map<number, bigint>> {
    await topics.get(topic);
    const [found] = await admin.use((one) => one.fetchOffsets({ groupId: group, topics: [topic] }));
    const committed = found?.partitions.filter(({ offset }) => !offset.startsWith('-')) ?? [];
    return new Map(committed.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async function consume(options: ConsumeOptions): Promise<LogConsumer> {
    const starts = new Map<string, bigint>();
    for (const topic of options.topics) {
      await topics.get(topic);
      if (options.start !== 'latest') continue;
      for (const [partition, offset] of await endOffsets(topic)) starts.set(keyOf({ topic, partition }), offset);
    }
    const consumer = createConsumer(options, starts, context);
    consumers.add(consumer);
    return {
      check: () => consumer.check(),
      stop: async () => {
        await consumer.stop();
        consumers.delete(consumer);
      },
    };
  }

  async function* read(
    topic: string,
    from: StartPosition,
    signal: AbortSignal,
    idle: Idle = (wait) => wait(),
  ): AsyncGenerator<StoredEvent> {
    if (closing.signal.aborted) throw logClosed();
    try {
      await topics.get(topic);
      yield* follow(topic, from, AbortSignal.any([signal, closing.signal]), idle, { admin, tails, clock });
    } catch (error) {
      if (!signal.aborted && !closing.signal.aborted) throw toLogFailure(error);
    }
  }

  return {
    ensureTopic: (name, options = {}) => {
      state.need(name);
      return whileOpen(() => topics.ensure(name, options, closing.signal));
    },
    topics: () => whileOpen(() => topics.all()),
    publish: (events) => whileOpen(() => state.publishing(publisher.publish(events))),
    consume: (options) => whileOpen(() => consume(options)),
    read,
    endOffsets: (topic) => whileOpen(() => endOffsets(topic)),
    offsetsAt: (topic, from) =>
      whileOpen(async () => {
        await topics.get(topic);
        return await startsOf(admin, topic, from);
      }),
    committedOffsets: (group, topic) => whileOpen(() => committedOffsets(group, topic)),
    check: () => whileOpen(() => state.check()),
    checkPartitions: () =>
      whileOpen(async () => {
        for (const consumer of consumers) await consumer.check();
      }),
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await tails.close();
      await publisher.close();
      await admin.close();
    },
  };
}
