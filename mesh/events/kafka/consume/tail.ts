import type { Kafka } from 'kafkajs';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { ringInTurns } from '../../../time/wakeup.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import { createRecentEvents, type RecentEvents } from '../../log/recent-events.ts';
import type { AdminConnection } from '../admin/admin-connection.ts';
import { fetchUntilAborted } from './fetching.ts';
import type { FetchTarget } from './partition-feed.ts';
import { startsOf } from './starts.ts';

export interface ReadingContext {
  readonly newClient: () => Kafka;
  readonly admin: AdminConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One fetch of a topic, and the events that it fetched last, for all readers that are there. */
export interface Tail {
  /** By number. */
  readonly partitions: ReadonlyMap<number, TailPartition>;
  /** Why it does not continue, in all partitions or in one. `undefined` while it does. */
  readonly failure: unknown;
  readonly hasReaders: boolean;
  /** Calls `ring` after each change. */
  join(ring: () => void): void;
  leave(ring: () => void): void;
  /** Ends its fetch. */
  end(): Promise<void>;
}

export interface TailPartition {
  readonly recent: RecentEvents;
  /** The last time that it went back, because the topic was created again or has lost events. */
  readonly return: Return;
  /** Notes that a reader continues at an offset. The fastest one sets the pace. */
  noteReader(offset: bigint): void;
}

export interface Return {
  /** How many there have been. */
  readonly count: number;
  readonly from: bigint;
  readonly to: bigint;
}

// The fetch pauses while the fastest reader has that much to read.
const maxUnreadEvents = 500;
const maxUnreadBytes = 1024 * 1024;
/** Of each partition, for slower readers. The events that nobody has read are kept in any case. */
const recentLimits = { maxEvents: 1024, maxBytes: 1024 * 1024 };
// About ten seconds without brokers. The callers resume from their offsets then.
const maxFailures = 7;

/**
 * Fetches a topic from offsets on until it is ended. It is as fast as its fastest reader. Partitions that are added later
 * are fetched from their beginning. `onFailed` is called when it has a failure.
 */
export function createTail(
  topic: string,
  starts: ReadonlyMap<number, bigint>,
  onFailed: () => void,
  { newClient, admin, clock, logger }: ReadingContext,
): Tail {
  const ended = new AbortController();
  const readers = new Set<() => void>();
  const partitions = new Map<number, TailPartition & { readonly read: bigint }>();
  const targets: FetchTarget[] = [];
  const failures = new Map<number | 'all', unknown>();

  /** If there are several readers, it resolves when each had time to read. */
  function ring(): void | Promise<void> {
    if (readers.size > 1) return ringInTurns(readers);
    for (const reader of readers) reader();
  }

  function fail(where: number | 'all', error: unknown): void {
    failures.set(where, error);
    onFailed();
    void ring();
  }

  function hasRoom(): boolean {
    let [events, bytes] = [0, 0];
    for (const { recent, read } of readers.size === 0 ? [] : partitions.values()) {
      if (read >= recent.next) continue;
      const unread = recent.sizeFrom(read);
      events += unread.events;
      bytes += unread.bytes;
    }
    return events < maxUnreadEvents && bytes < maxUnreadBytes;
  }

  function add(number: number, start: bigint): void {
    const recent = createRecentEvents(recentLimits);
    recent.add(start, [], start);
    let read = start;
    let last: Return = { count: 0, from: start, to: start };
    partitions.set(number, {
      recent,
      get read() {
        return read;
      },
      get return() {
        return last;
      },
      noteReader(offset) {
        if (offset > read && offset <= recent.next) read = offset;
      },
    });
    targets.push({
      topic,
      partition: number,
      get next() {
        return recent.next;
      },
      hasRoom,
      deliver(events, next) {
        // Nobody waits for what was fetched before.
        if (readers.size === 0) read = next;
        recent.add(recent.next, events.map(withoutBatch), next, read);
        return events.length > 0 ? ring() : undefined;
      },
      startOver(oldest) {
        if (oldest > recent.next) return recent.add(recent.next, [], oldest, read);
        last = { count: last.count + 1, from: recent.next, to: oldest };
        read = oldest;
        recent.add(oldest, [], oldest);
        void ring();
      },
      failed(error) {
        if (error) fail(number, error);
        else failures.delete(number);
      },
    });
  }

  async function findTargets(): Promise<readonly FetchTarget[]> {
    const { topics } = await admin.use((one) => one.fetchTopicMetadata({ topics: [topic] }));
    if ((topics[0]?.partitions.length ?? 0) <= targets.length) return targets;
    for (const [number, start] of await startsOf(admin, topic, { at: 'beginning' })) {
      if (!partitions.has(number)) add(number, start);
    }
    void ring();
    return targets;
  }

  for (const [number, start] of starts) add(number, start);
  const { signal } = ended;
  const options = { kafka: newClient(), findTargets, maxFailures, signal, clock, logger };
  const fetching = fetchUntilAborted(options).catch((error: unknown) => fail('all', error));
  return {
    partitions,
    get failure() {
      return failures.values().next().value;
    },
    get hasReaders() {
      return readers.size > 0;
    },
    join(reader) {
      readers.add(reader);
    },
    leave(reader) {
      readers.delete(reader);
    },
    async end() {
      ended.abort();
      await fetching;
    },
  };
}

/** Copies a value that is a small part of its batch, because each kept event would keep the whole batch. */
function withoutBatch(event: StoredEvent): StoredEvent {
  const { value } = event;
  return value.byteLength * 2 < value.buffer.byteLength ? { ...event, value: new Uint8Array(value) } : event;
}
