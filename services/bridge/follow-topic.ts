import type { EventLog, IdleWait, StartPosition, StoredEvent } from '#mesh';
import { impossibleOffsets } from './errors.ts';

/**
 * Reads a topic from a position until `signal` aborts, and throws what it aborts with. Refuses an unknown topic, and
 * offsets of partitions that the topic does not have.
 */
export async function* followTopic(
  events: EventLog,
  topic: string,
  from: StartPosition,
  signal: AbortSignal,
  idle: IdleWait,
): AsyncGenerator<StoredEvent> {
  if (from.at === 'offsets') await refuseImpossible(events, topic, from.offsets);
  yield* events.read(topic, from, signal, idle);
  // The log ends without an error; the caller must learn why.
  signal.throwIfAborted();
}

async function refuseImpossible(events: EventLog, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
  const ends = await events.endOffsets(topic);
  const impossible = [...offsets].filter(([partition, offset]) => !ends.has(partition) || offset < 0n);
  if (impossible.length > 0)
    throw impossibleOffsets(
      impossible.map(([partition]) => partition),
      ends.size,
    );
}
