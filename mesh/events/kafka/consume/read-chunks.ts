import type { StoredEvent } from '../../log/event-log.ts';
import type { AbortedTransaction, PartitionResponse } from '../protocol/fetch-response.ts';
import { cutBatches, type RecordBatch } from '../protocol/record-batch.ts';
import { toStoredEvent } from '../protocol/records.ts';

/** Consecutive events of a partition, and the offset after them. */
export interface Chunk {
  readonly events: readonly StoredEvent[];
  /** After a batch it is the end of the batch, because compaction may have removed its last records. */
  readonly next: bigint;
}

const maxChunkEvents = 100;
const maxChunkBytes = 256 * 1024;

/**
 * Yields the events of an answer from offset `from`, a bounded number at a time, because a small batch may hold
 * hundreds of thousands. Records of aborted transactions and control records are left out. Throws an Error at an
 * unreadable batch, after earlier events.
 */
export async function* readChunks(response: PartitionResponse, from: bigint): AsyncGenerator<Chunk> {
  const isAborted = watchTransactions(response.abortedTransactions);
  for (const batch of cutBatches(response.records)) {
    if (batch.nextOffset <= from) continue;
    if (!(await isAborted(batch)) && !batch.isControl) yield* chunksOf(batch, response, from);
    yield { events: [], next: batch.nextOffset };
  }
}

async function* chunksOf(batch: RecordBatch, { topic, partition }: PartitionResponse, from: bigint) {
  let events: StoredEvent[] = [];
  let bytes = 0;
  for (const record of await batch.records()) {
    if (record.offset < from) continue;
    const event = toStoredEvent(topic, partition, record);
    events.push(event);
    bytes += event.value.length;
    if (events.length < maxChunkEvents && bytes < maxChunkBytes) continue;
    yield { events, next: record.offset + 1n };
    events = [];
    bytes = 0;
  }
  if (events.length > 0) yield { events, next: batch.nextOffset };
}

const abortMarker = 0;

/** Returns whether the transaction of a batch was aborted. Called for one batch after another. */
function watchTransactions(aborted: readonly AbortedTransaction[]): (batch: RecordBatch) => Promise<boolean> {
  const ahead = [...aborted].toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  return async (batch) => {
    if (aborted.length === 0) return false;
    for (let first = ahead[0]; first && first.firstOffset < batch.nextOffset; first = ahead[0]) {
      open.add(first.producerId);
      ahead.shift();
    }
    if (batch.isControl) {
      if (await isAbortMarker(batch)) open.delete(batch.producerId);
      return false;
    }
    return batch.isTransactional && open.has(batch.producerId);
  };
}

/** The key of a control record has a version and a type. */
async function isAbortMarker(batch: RecordBatch): Promise<boolean> {
  for (const { key } of await batch.records()) return key !== undefined && key.readInt16BE(2) === abortMarker;
  return false;
}
