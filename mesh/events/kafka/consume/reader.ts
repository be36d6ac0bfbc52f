import type { Clock } from '../../../time/clock.ts';
import { createWakeup } from '../../../time/wakeup.ts';
import type { Idle, StartPosition, StoredEvent } from '../../log/event-log.ts';
import type { AdminConnection } from '../admin/admin-connection.ts';
import { toLogFailure } from '../client/failures.ts';
import { startsOf } from './starts.ts';
import type { Tail, TailPartition } from './tail.ts';
import { isAhead, type Tails } from './tails.ts';

export interface ReaderContext {
  readonly admin: AdminConnection;
  readonly tails: Tails;
  readonly clock: Clock;
}

const maxBatchEvents = 100;
// A tail that has not reached the reader's offsets by then is that of slower readers.
const patienceMs = 1000;

/**
 * Reads a topic without a group until `signal` aborts; the brokers keep nothing about it. Readers at the end of the topic
 * share one fetch. A slower one fetches for itself until it has caught up. Partitions that are added later are read from
 * their beginning. Throws DATA_LOSS `PARTITION_UNREADABLE`, after the readable events, if a partition cannot be read
 * further.
 */
export async function* follow(
  topic: string,
  from: StartPosition,
  signal: AbortSignal,
  idle: Idle,
  { admin, tails, clock }: ReaderContext,
): AsyncGenerator<StoredEvent> {
  const { ring, wait } = createWakeup();
  signal.addEventListener('abort', ring);
  const offsets = await startsOf(admin, topic, from);
  let tail = tails.join(topic, offsets, ring);
  let joinedMs = 0;
  /** How often each partition of the tail had gone back when the reader came to it. */
  const returns = new Map<number, number>();
  const begin = (): void => {
    joinedMs = clock.elapsedMs();
    if (isAhead(offsets, tail)) clock.after(patienceMs, ring);
    returns.clear();
    for (const [number, partition] of tail.partitions) returns.set(number, partition.return.count);
  };
  async function move(to: Tail): Promise<void> {
    const left = tail;
    tail = to;
    begin();
    await tails.leave(left, ring);
  }
  async function addOffsets(): Promise<void> {
    // A new partition had its end at its beginning when reading started.
    for (const [number, start] of await startsOf(admin, topic, from.at === 'latest' ? { at: 'beginning' } : from)) {
      if (!offsets.has(number)) offsets.set(number, start);
    }
  }
  /** Returns the offset at which the reader continues in the partition, if the tail has what follows. */
  function offsetIn(number: number, { recent, return: last }: TailPartition): bigint | undefined {
    const offset = offsets.get(number) ?? 0n;
    const known = returns.get(number) ?? last.count;
    returns.set(number, last.count);
    if (known === last.count) return offset < recent.first ? undefined : offset;
    // It had read everything, so it goes back too.
    return known + 1 === last.count && offset === last.from && recent.first <= last.to ? last.to : undefined;
  }

  begin();
  try {
    while (!signal.aborted) {
      let found = false;
      let isLate = false;
      for (const [number, partition] of tail.partitions) {
        if (!offsets.has(number)) await addOffsets();
        const offset = offsetIn(number, partition);
        isLate = offset === undefined;
        if (offset === undefined) break;
        offsets.set(number, offset);
        partition.noteReader(offset);
        const batch = partition.recent.from(offset, maxBatchEvents);
        if (batch === undefined) continue;
        for (const event of batch.events) {
          if (signal.aborted) return;
          yield event;
        }
        found = true;
        offsets.set(number, batch.next);
      }
      if (isLate) await move(tails.open(topic, offsets, ring));
      if (isLate || found) continue;
      if (tail.failure !== undefined) throw toLogFailure(tail.failure);
      const hasWaited = clock.elapsedMs() - joinedMs >= patienceMs;
      const next = tails.change(tail, topic, offsets, ring, hasWaited);
      if (next === tail) await idle(wait);
      else await move(next);
    }
  } finally {
    signal.removeEventListener('abort', ring);
    await tails.leave(tail, ring);
  }
}
