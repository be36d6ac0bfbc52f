import { isDataLoss } from '../../../errors/codes.ts';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { Storage } from '../../../storage/storage.ts';
import { createWakeup } from '../../../time/wakeup.ts';
import { recordDamaged } from '../../errors.ts';
import type { Idle, StartPosition, StoredEvent } from '../../log/event-log.ts';
import type { LogTopic, Partition } from '../file/partition.ts';
import { isIntact, type RecordRow, selectRecords, toStoredEvent } from '../file/record.ts';
import { offsetOf, recordId } from '../file/schema.ts';

/** Maximum size of a batch. */
export interface ReadLimits {
  readonly maxEvents: number;
  /** Bytes of values. The first event is read regardless of its size. */
  readonly maxBytes: number;
}

export interface Batch {
  /** Without events that an operator skipped. */
  readonly events: readonly StoredEvent[];
  /** The offset to continue from. */
  readonly next: bigint;
}

const readAhead: ReadLimits = { maxEvents: 100, maxBytes: 256 * 1024 };

/**
 * Reads a partition from an offset; empty at its end. Skips what retention removed. Each record is compared with its
 * checksum, and none may be missing: the batch ends before a damaged one. Throws DATA_LOSS `STORAGE_CORRUPT` if it
 * would begin with one.
 */
export async function readBatch(
  storage: Storage,
  partition: Partition,
  from: bigint,
  limits: ReadLimits,
): Promise<Batch> {
  const first = from < partition.start ? partition.start : from;
  if (first >= partition.head.offset) return { events: [], next: first };
  const rows = await readRows(storage, partition, first, limits);
  // Retention removed them meanwhile.
  if (first < partition.start) return await readBatch(storage, partition, from, limits);
  const firstBad = rows.findIndex((row, index) => faultOf(partition, row, first + BigInt(index)) !== undefined);
  if (firstBad === 0 || rows.length === 0) throw damageAt(partition, first, rows[0]);
  const intact = firstBad < 0 ? rows : rows.slice(0, firstBad);
  const next = first + BigInt(intact.length);
  const known = partition.damage?.offset ?? -1n;
  if (known >= first && known < next) partition.damage = undefined;
  return {
    events: intact.filter(({ skipped }) => skipped === 0n).map((row) => toStoredEvent(partition, row)),
    next,
  };
}

/** Returns what `readBatch` does if the events are in memory. Records that an operator skips are damaged, and not recent. */
export function recentBatch(partition: Partition, from: bigint, { maxEvents }: ReadLimits): Batch | undefined {
  return from < partition.start ? undefined : partition.recent.from(from, maxEvents);
}

async function readRows(
  storage: Storage,
  partition: Partition,
  first: bigint,
  { maxEvents, maxBytes }: ReadLimits,
): Promise<RecordRow[]> {
  try {
    return await storage.query<RecordRow>(
      `${selectRecords}
       WHERE id >= $1 AND id < $2 AND start_bytes < (SELECT start_bytes FROM record WHERE id = $1) + $3 ORDER BY id`,
      [
        recordId(partition.id, first),
        // Never past the head: later records are not acknowledged yet.
        recordId(partition.id, min(first + BigInt(maxEvents), partition.head.offset)),
        maxBytes,
      ],
    );
  } catch (error) {
    if (!isDataLoss(error)) throw error;
    throw noteDamage(partition, first, `cannot be read (${error.message})`, error);
  }
}

/** Returns what is wrong with the row at the place of the record at `offset`; `undefined` if nothing. */
function faultOf(partition: Partition, row: RecordRow | undefined, offset: bigint): string | undefined {
  if (row === undefined || offsetOf(row.id) !== offset) return 'is missing';
  return isIntact(partition, row) ? undefined : 'is corrupt';
}

function damageAt(partition: Partition, offset: bigint, row: RecordRow | undefined): MeshError {
  return noteDamage(partition, offset, faultOf(partition, row, offset) ?? 'cannot be read');
}

function noteDamage(partition: Partition, offset: bigint, what: string, cause?: unknown): MeshError {
  const error = partitionDamaged(partition, offset, what, cause);
  if (partition.damage === undefined || partition.damage.offset >= offset) partition.damage = { offset, error };
  return error;
}

/**
 * Returns the first offset at which the partition had reached `timeMs`; the end if there is none. Throws DATA_LOSS
 * `STORAGE_CORRUPT` if it meets a damaged record.
 */
export async function findOffset(storage: Storage, partition: Partition, timeMs: number): Promise<bigint> {
  let low = partition.start;
  let high = partition.head.offset;
  while (low < high) {
    const middle = (low + high) / 2n;
    const [row] = await readRows(storage, partition, middle, { maxEvents: 1, maxBytes: 1 });
    if (middle < partition.start) {
      // Retention removed it meanwhile, so the result is later.
      low = partition.start;
      continue;
    }
    if (row === undefined || faultOf(partition, row, middle) !== undefined) throw damageAt(partition, middle, row);
    if (row.reached_ms >= timeMs) high = middle;
    else low = middle + 1n;
  }
  return low;
}

/**
 * Reads a topic until `signal` aborts, a bounded batch of one partition at a time. If a partition is damaged, it throws
 * DATA_LOSS `STORAGE_CORRUPT` after it has yielded the intact events before that and in other partitions.
 */
export async function* follow(
  storage: Storage,
  topic: LogTopic,
  from: StartPosition,
  signal: AbortSignal,
  idle: Idle,
): AsyncGenerator<StoredEvent> {
  const wakeup = createWakeup();
  signal.addEventListener('abort', wakeup.ring);
  for (const partition of topic.partitions) partition.readers.add(wakeup.ring);
  try {
    const starts = await startOffsets(storage, topic, from);
    const positions = topic.partitions.map((partition) => starts.get(partition) ?? 0n);
    while (!signal.aborted) {
      let found = false;
      let damage: MeshError | undefined;
      for (const [index, partition] of topic.partitions.entries()) {
        const from = positions[index] ?? 0n;
        if (from >= partition.head.offset) continue;
        // Checked after a yield too, because the file may be closed by then.
        if (signal.aborted) return;
        const batch = recentBatch(partition, from, readAhead) ?? (await readOrDamage(storage, partition, from));
        if (batch instanceof MeshError) {
          damage ??= batch;
          continue;
        }
        for (const event of batch.events) {
          if (signal.aborted) return;
          yield event;
        }
        positions[index] = batch.next;
        found ||= batch.next > from;
      }
      if (found) continue;
      if (damage) throw damage;
      await idle(wakeup.wait);
    }
  } finally {
    signal.removeEventListener('abort', wakeup.ring);
    for (const partition of topic.partitions) partition.readers.delete(wakeup.ring);
  }
}

async function readOrDamage(storage: Storage, partition: Partition, from: bigint): Promise<Batch | MeshError> {
  try {
    return await readBatch(storage, partition, from, readAhead);
  } catch (error) {
    if (isDataLoss(error)) return error;
    throw error;
  }
}

export async function startOffsets(
  storage: Storage,
  topic: LogTopic,
  from: StartPosition,
): Promise<Map<Partition, bigint>> {
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
    case 'offsets': {
      const wanted = from.offsets.get(partition.number) ?? partition.start;
      return wanted > partition.head.offset ? partition.start : wanted;
    }
    case 'time':
      return await findOffset(storage, partition, from.timeMs);
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** DATA_LOSS `STORAGE_CORRUPT`: no event of a partition is delivered from `offset` on, because of `what`. */
function partitionDamaged(partition: Partition, offset: bigint, what: string, cause?: unknown): MeshError {
  const { file, topic, number } = partition;
  return recordDamaged({ file, topic, partition: number, offset, problem: what }, { cause });
}
