import { Status } from 'nice-grpc-common';
import { eventTooLarge } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { yieldEvery } from '../../time/yield-to-event-loop.ts';
import { eventsUnavailable, logClosed } from '../errors.ts';
import type { EventLog, Idle, NewEvent, StartPosition, StoredEvent, TopicDefaults } from '../log/event-log.ts';
import { partitionOf } from '../log/murmur2.ts';
import { createAppender, type PlacedEvent } from './appender.ts';
import { type ConsumerGroup, createConsumerGroup } from './consume/consumer-group.ts';
import { follow, startOffsets } from './consume/reader.ts';
import { readCommitted } from './file/meta-rows.ts';
import { loadOffsets } from './file/offsets.ts';
import { openLogFile } from './file/open-log-file.ts';
import type { Topics } from './file/topics.ts';
import { findDamage } from './repair/find-damage.ts';
import { keepRetention } from './retention/retention.ts';

export interface EmbeddedLogOptions {
  /** Partitions of new topics, and the retention of all that a process ensures. */
  readonly topicDefaults?: TopicDefaults;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens the database of the log. Default: `openStorage`, for this process alone. */
  readonly open?: (url: string) => Promise<Storage>;
}

/** Maximum size of an event's value: the default of Kafka brokers. */
export const maxEventBytes = 1024 * 1024;

/**
 * Opens the event log in the SQLite file at `path`, and creates it if it is missing. Only this process may use the
 * file, because offsets and group membership are kept in memory. Events are written to the file before they are
 * acknowledged. Throws DATA_LOSS `STORAGE_CORRUPT` if topics, partitions or offsets are damaged. A damaged record stops
 * only its partition.
 */
export async function openEmbeddedLog(path: string, options: EmbeddedLogOptions): Promise<EventLog> {
  const { open = (url: string) => openStorage(url, { exclusive: true }) } = options;
  const storage = await open(`sqlite:${path}`);
  try {
    const topics = await openLogFile(storage, path, options.logger);
    return createEmbeddedLog(storage, topics, path, options);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function createEmbeddedLog(
  storage: Storage,
  topics: Topics,
  path: string,
  { topicDefaults, clock, logger }: EmbeddedLogOptions,
): EventLog {
  const closing = new AbortController();
  const appender = createAppender(storage, clock);
  const groups = new Map<string, Promise<ConsumerGroup>>();
  const retention = keepRetention(storage, topics, clock, logger, closing.signal);

  async function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    if (closing.signal.aborted) throw logClosed();
    try {
      return await work();
    } catch (error) {
      throw toLogFailure(error);
    }
  }

  function place(event: NewEvent): PlacedEvent {
    const { topic, key, value } = event;
    if (value.length > maxEventBytes) throw eventTooLarge({ topic, key, bytes: value.length, maxBytes: maxEventBytes });
    const { partitions } = topics.get(topic);
    const partition = partitions[partitionOf(key, partitions.length)];
    if (!partition) throw new Error(`topic ${topic} has no partitions`);
    return { partition, event };
  }

  async function makeGroup(name: string): Promise<ConsumerGroup> {
    const offsets = await loadOffsets(storage, { file: path, group: name, clock, logger });
    return createConsumerGroup(offsets, { storage, clock, logger: logger.child({ group: name }) });
  }

  function groupOf(name: string): Promise<ConsumerGroup> {
    let group = groups.get(name);
    if (group === undefined) {
      group = makeGroup(name);
      group.catch(() => groups.delete(name));
      groups.set(name, group);
    }
    return group;
  }

  function endOffsets(topic: string): Map<number, bigint> {
    return new Map(topics.get(topic).partitions.map((partition) => [partition.number, partition.head.offset]));
  }

  async function* read(
    topic: string,
    from: StartPosition,
    signal: AbortSignal,
    idle: Idle = (wait) => wait(),
  ): AsyncGenerator<StoredEvent> {
    if (closing.signal.aborted) throw logClosed();
    const ended = AbortSignal.any([signal, closing.signal]);
    try {
      yield* follow(storage, topics.get(topic), from, ended, idle);
    } catch (error) {
      // The file was closed during a read.
      if (!ended.aborted) throw toLogFailure(error);
    }
  }

  return {
    ensureTopic: (name, options) => whileOpen(() => topics.ensure(name, { ...topicDefaults, ...options })),
    topics: () =>
      whileOpen(async () => topics.all().map(({ name, partitions }) => ({ name, partitions: partitions.length }))),
    publish: (events) => whileOpen(async () => await appender.append(events.map(place))),
    consume: (consumer) =>
      whileOpen(async () => {
        const partitions = consumer.topics.flatMap((name) => topics.get(name).partitions);
        const group = await groupOf(consumer.group);
        return await group.join(consumer, partitions);
      }),
    read,
    endOffsets: (topic) => whileOpen(async () => endOffsets(topic)),
    offsetsAt: (topic, from) =>
      whileOpen(async () => {
        const offsets = new Map<number, bigint>();
        for (const [{ number, start }, offset] of await startOffsets(storage, topics.get(topic), from)) {
          offsets.set(number, start);
          if (offset > start) offsets.set(number, offset);
        }
        return offsets;
      }),
    committedOffsets: (group, topic) =>
      whileOpen(async () => {
        await (await groups.get(group))?.save();
        const numbers = new Map(topics.get(topic).partitions.map(({ id, number }) => [id, number]));
        const committed = (await readCommitted(storage, path)).filter((row) => row.group === group);
        return new Map(
          committed.flatMap(({ partitionId, next }) => {
            const number = numbers.get(partitionId);
            return number === undefined ? [] : [[number, next] as const];
          }),
        );
      }),
    check: () => whileOpen(() => storage.check()),
    checkPartitions: () =>
      whileOpen(async () => {
        for (const { damage, start } of topics.all().flatMap(({ partitions }) => partitions)) {
          if (damage !== undefined && damage.offset >= start) throw damage.error;
        }
      }),
    async *searchDamage(examined) {
      yield* storage.searchDamage?.(() => undefined, ['record', 'record_payload']) ?? [];
      const breathe = yieldEvery();
      const step = async (records: number) => {
        examined(records);
        await breathe();
      };
      for (const partition of topics.all().flatMap(({ partitions }) => partitions)) {
        for await (const { error } of findDamage(storage, partition, step)) yield error;
      }
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      // A group that could not be loaded has rejected its consumer and has nothing to stop.
      await Promise.allSettled([...groups.values()].map(async (group) => await (await group).stop()));
      await retention;
      await appender.idle();
      await storage.close();
    },
  };
}

/** Returns the error for a caller: UNAVAILABLE `EVENTS_UNAVAILABLE` if the file cannot be used. */
function toLogFailure(error: unknown): unknown {
  if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) return error;
  return eventsUnavailable({ problem: error.message }, { cause: error });
}
