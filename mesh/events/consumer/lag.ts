import { MeshError } from '../../errors/mesh-error.ts';
import { unknownTopic } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { EventHandler } from './consumer.ts';

/** Where a group is in a partition. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** The offset at which it continues; `undefined` if it has not begun here. */
  readonly next: bigint | undefined;
  /** The offset of the next event that will be published. */
  readonly end: bigint;
  /** How many events it has not handled. On Kafka this may count records that are not events, such as markers. */
  readonly events: bigint;
}

/** Returns where a group is in each partition of its topics. A topic that its consumer has not created yet has none. */
export async function measureLag(
  events: EventLog,
  { group, topics }: Pick<EventHandler, 'group' | 'topics'>,
): Promise<PartitionLag[]> {
  const lists = await Promise.all(topics.map((topic) => lagOfTopic(events, group, topic).catch(noneIfNotCreated)));
  return lists.flat();
}

function noneIfNotCreated(error: unknown): [] {
  if (error instanceof MeshError && error.reason === unknownTopic.reason) return [];
  throw error;
}

async function lagOfTopic(events: EventLog, group: string, topic: string): Promise<PartitionLag[]> {
  const [first, ends, committed] = await Promise.all([
    events.offsetsAt(topic, { at: 'beginning' }),
    events.endOffsets(topic),
    events.committedOffsets(group, topic),
  ]);
  return [...ends].map(([partition, end]) => {
    const start = first.get(partition) ?? 0n;
    const next = committed.get(partition);
    // Retention may have removed what the group has not read. A group after the end starts at the beginning.
    const from = next === undefined || next < start || next > end ? start : next;
    return { topic, partition, next, end, events: end > from ? end - from : 0n };
  });
}
