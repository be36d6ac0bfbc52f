import type { Admin, Kafka } from 'kafkajs';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { StartPosition, StoredEvent } from '../event-log.ts';
import { createWakeup } from '../wakeup.ts';
import { toLogFailure } from './failures.ts';
import { type FetchTarget, fetchUntilAborted } from './fetching.ts';

export interface ReadingContext {
  readonly newClient: () => Kafka;
  readonly connect: () => Promise<Admin>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxAheadEvents = 100;
const maxAheadBytes = 256 * 1024;
// About ten seconds of brokers that are gone; a reader goes on from its offsets then.
const maxFailures = 7;

/**
 * Follows a topic until `signal` aborts, without a group: nothing of it stays with the brokers. Ahead of its reader it is
 * by a bounded number of events, and one fetch.
 */
export async function* follow(
  topic: string,
  from: StartPosition,
  signal: AbortSignal,
  { newClient, connect, clock, logger }: ReadingContext,
): AsyncGenerator<StoredEvent> {
  const wakeup = createWakeup();
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  ended.addEventListener('abort', wakeup.ring);
  const ahead: StoredEvent[] = [];
  let aheadBytes = 0;
  const targets = [...(await startsOf(await connect(), topic, from))].map(
    ([partition, next]): FetchTarget => ({
      topic,
      partition,
      next,
      hasRoom: () => ahead.length < maxAheadEvents && aheadBytes < maxAheadBytes,
      deliver(events) {
        for (const event of events) aheadBytes += event.value.length;
        ahead.push(...events);
        wakeup.ring();
      },
    }),
  );
  let failure: unknown;
  const fetching = fetchUntilAborted({ kafka: newClient(), targets, maxFailures, signal: ended, clock, logger }).catch(
    (error: unknown) => {
      failure = error;
      wakeup.ring();
    },
  );
  try {
    while (!signal.aborted) {
      const event = ahead.shift();
      if (event !== undefined) {
        aheadBytes -= event.value.length;
        yield event;
      } else if (failure !== undefined) throw toLogFailure(failure);
      else await wakeup.wait();
    }
  } finally {
    done.abort();
    await fetching;
  }
}

async function startsOf(admin: Admin, topic: string, from: StartPosition): Promise<Map<number, bigint>> {
  const ends = await admin.fetchTopicOffsets(topic);
  const found =
    from.at === 'time'
      ? new Map(
          (await admin.fetchTopicOffsetsByTimestamp(topic, from.timeMs)).map((one) => [one.partition, one.offset]),
        )
      : new Map<number, string>();
  return new Map(
    ends.map(({ partition, low, high }) => {
      if (from.at === 'beginning') return [partition, BigInt(low)];
      if (from.at === 'latest') return [partition, BigInt(high)];
      if (from.at === 'time') return [partition, notNegative(found.get(partition), BigInt(high))];
      const wanted = from.offsets.get(partition) ?? 0n;
      return [partition, wanted < BigInt(low) ? BigInt(low) : wanted];
    }),
  );
}

/** Brokers say -1 when no record is that young. */
function notNegative(offset: string | undefined, otherwise: bigint): bigint {
  return offset === undefined || offset.startsWith('-') ? otherwise : BigInt(offset);
}
