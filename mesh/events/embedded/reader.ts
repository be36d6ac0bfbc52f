import type { Storage } from '../../storage/storage.ts';
import type { StartPosition, StoredEvent } from '../event-log.ts';
import { createWakeup } from '../wakeup.ts';
import type { Partition, Topic } from './partition.ts';
import { offsetOf, recordId } from './schema.ts';

/** How much is read at a time. */
export interface ReadLimits {
  readonly maxEvents: number;
  /** Of values. The first event comes whatever its size. */
  readonly maxBytes: number;
}

type RecordRow = { id: bigint; time_ms: bigint; key: string; headers: string; value: Uint8Array };

const readAhead: ReadLimits = { maxEvents: 100, maxBytes: 256 * 1024 };

/** Reads what a partition has from an offset on; empty at its end. What retention removed is passed over. */
export async function readBatch(
  storage: Storage,
  partition: Partition,
  from: bigint,
  limits: ReadLimits,
): Promise<StoredEvent[]> {
  const first = from < partition.start ? partition.start : from;
  if (first >= partition.head.offset) return [];
  const rows = await storage.query<RecordRow>(
    `SELECT id, time_ms, key, headers, value FROM record
     WHERE id >= $1 AND id < $2 AND start_bytes < (SELECT start_bytes FROM record WHERE id = $1) + $3 ORDER BY id`,
    [
      recordId(partition.id, first),
      // Never past the head: what lies there is not acknowledged yet.
      recordId(partition.id, min(first + BigInt(limits.maxEvents), partition.head.offset)),
      limits.maxBytes,
    ],
  );
  return rows.map((row) => ({
    topic: partition.topic,
    partition: partition.number,
    offset: offsetOf(row.id),
    key: row.key,
    headers: JSON.parse(row.headers) as Record<string, string>,
    value: row.value,
    timeMs: Number(row.time_ms),
  }));
}

/** The first offset whose event, or one before it, is of `timeMs` or later; the end when there is none. */
export async function findOffset(storage: Storage, partition: Partition, timeMs: number): Promise<bigint> {
  let low = partition.start;
  let high = partition.head.offset;
  while (low < high) {
    const middle = (low + high) / 2n;
    const [row] = await storage.query<{ reached_ms: bigint }>('SELECT reached_ms FROM record WHERE id = $1', [
      recordId(partition.id, middle),
    ]);
    // Missing: retention removed it meanwhile, so what is looked for comes later.
    if (row !== undefined && row.reached_ms >= timeMs) high = middle;
    else low = middle + 1n;
  }
  return low;
}

/** Follows a topic until `signal` aborts, a bounded batch of one partition at a time. */
export async function* follow(
  storage: Storage,
  topic: Topic,
  from: StartPosition,
  signal: AbortSignal,
): AsyncGenerator<StoredEvent> {
  const wakeup = createWakeup();
  signal.addEventListener('abort', wakeup.ring);
  for (const partition of topic.partitions) partition.listeners.add(wakeup.ring);
  try {
    const positions = await startOffsets(storage, topic, from);
    while (!signal.aborted) {
      let found = false;
      for (const partition of topic.partitions) {
        // Also after a yield: the file may be closed by then.
        if (signal.aborted) return;
        const batch = await readBatch(storage, partition, positions.get(partition) ?? 0n, readAhead);
        for (const event of batch) {
          if (signal.aborted) return;
          yield event;
          positions.set(partition, event.offset + 1n);
        }
        found ||= batch.length > 0;
      }
      if (!found) await wakeup.wait();
    }
  } finally {
    signal.removeEventListener('abort', wakeup.ring);
    for (const partition of topic.partitions) partition.listeners.delete(wakeup.ring);
  }
}

async function startOffsets(storage: Storage, topic: Topic, from: StartPosition): Promise<Map<Partition, bigint>> {
  const offsets = new Map<Partition, bigint>();
  for (const partition of topic.partitions) offsets.set(partition, await startOffset(storage, partition, from));
  return offsets;
}

async function startOffset(storage: Storage, partition: Partition, from: StartPosition): Promise<bigint> {
  switch (from.at) {
    case 'beginning':
      return partition.start;
    case 'latest':
      return partition.head.offset;
    case 'offsets':
      return min(from.offsets.get(partition.number) ?? partition.start, partition.head.offset);
    case 'time':
      return await findOffset(storage, partition, from.timeMs);
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
