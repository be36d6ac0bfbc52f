import type { Kafka } from 'kafkajs';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { createWakeup } from '../../../time/wakeup.ts';
import type { Idle, StartPosition, StoredEvent } from '../../log/event-log.ts';
import type { AdminConnection } from '../admin/admin-connection.ts';
import { toLogFailure } from '../client/failures.ts';
import { fetchUntilAborted } from './fetching.ts';
import type { FetchTarget } from './partition-feed.ts';

export interface ReadingContext {
  readonly newClient: () => Kafka;
  readonly admin: AdminConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxAheadEvents = 500;
const maxAheadBytes = 1024 * 1024;
// About ten seconds without brokers. The caller resumes from its offsets then.
const maxFailures = 7;

/**
 * Reads a topic without a group until `signal` aborts; the brokers keep nothing about it. It reads ahead by a bounded
 * number of events and one fetch. Partitions that are added later are read from their beginning. Throws DATA_LOSS
 * `PARTITION_UNREADABLE`, after the readable events, if a partition cannot be read further.
 */
export async function* follow(
  topic: string,
  from: StartPosition,
  signal: AbortSignal,
  idle: Idle,
  { newClient, admin, clock, logger }: ReadingContext,
): AsyncGenerator<StoredEvent> {
  const wakeup = createWakeup();
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  ended.addEventListener('abort', wakeup.ring);
  const ahead: StoredEvent[] = [];
  let aheadBytes = 0;
  let failure: unknown;
  const fail = (error: unknown) => {
    failure = error;
    wakeup.ring();
  };
  const toTarget = ([partition, next]: readonly [number, bigint]): FetchTarget => ({
    topic,
    partition,
    next,
    hasRoom: () => ahead.length < maxAheadEvents && aheadBytes < maxAheadBytes,
    deliver(events) {
      for (const event of events) {
        aheadBytes += event.value.length;
        ahead.push(event);
      }
      wakeup.ring();
    },
    failed: fail,
  });
  const targets = [...(await startsOf(admin, topic, from))].map(toTarget);
  async function findTargets(): Promise<readonly FetchTarget[]> {
    const { topics } = await admin.use((one) => one.fetchTopicMetadata({ topics: [topic] }));
    if ((topics[0]?.partitions.length ?? 0) <= targets.length) return targets;
    // A new partition had its end at its beginning when reading started.
    const starts = await startsOf(admin, topic, from.at === 'latest' ? { at: 'beginning' } : from);
    const known = new Set(targets.map(({ partition }) => partition));
    for (const start of starts) if (!known.has(start[0])) targets.push(toTarget(start));
    return targets;
  }
  const fetching = fetchUntilAborted({
    kafka: newClient(),
    findTargets,
    maxFailures,
    signal: ended,
    clock,
    logger,
  }).catch(fail);
  try {
    while (!signal.aborted) {
      const event = ahead.shift();
      if (event !== undefined) {
        aheadBytes -= event.value.length;
        yield event;
      } else if (failure !== undefined) throw toLogFailure(failure);
      else await idle(wakeup.wait);
    }
  } finally {
    done.abort();
    await fetching;
  }
}

/** Returns the offset in each partition at which reading starts. */
export async function startsOf(
  { use }: AdminConnection,
  topic: string,
  from: StartPosition,
): Promise<Map<number, bigint>> {
  const ends = await use((admin) => admin.fetchTopicOffsets(topic));
  const ofTime = from.at === 'time' ? await use((admin) => admin.fetchTopicOffsetsByTimestamp(topic, from.timeMs)) : [];
  const found = new Map(ofTime.map(({ partition, offset }) => [partition, offset]));
  return new Map(
    ends.map(({ partition, low, high }) => {
      if (from.at === 'beginning') return [partition, BigInt(low)];
      if (from.at === 'latest') return [partition, BigInt(high)];
      if (from.at === 'time') return [partition, notNegative(found.get(partition), BigInt(high))];
      const wanted = from.offsets.get(partition) ?? 0n;
      return [partition, wanted < BigInt(low) || wanted > BigInt(high) ? BigInt(low) : wanted];
    }),
  );
}

/** Brokers answer -1 if there is no record at or after the time. */
function notNegative(offset: string | undefined, otherwise: bigint): bigint {
  return offset === undefined || offset.startsWith('-') ? otherwise : BigInt(offset);
}
