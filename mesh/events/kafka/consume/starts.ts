import type { StartPosition } from '../../log/event-log.ts';
import type { AdminConnection } from '../admin/admin-connection.ts';

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
