import type { StoredEvent } from '../../log/event-log.ts';
import type { AbortedTransaction, PartitionResponse } from '../protocol/fetch-response.ts';
import { cutBatches, type RecordBatch } from '../protocol/record-batch.ts';
import { toStoredEvent } from '../protocol/records.ts';

/** Some events of a partition that lie one behind the other, and the offset behind them. */
export interface Chunk {
  readonly events: readonly StoredEvent[];
  /** Behind a batch it is the batch's end: compaction may have removed what lay there. */
  readonly next: bigint;
}

const maxChunkEvents = 100;
const maxChunkBytes = 256 * 1024;

/**
 * The events of an answer from offset `from` on, a bounded number at a time: a small batch may hold hundreds of thousands.
 * Left out are records of aborted transactions, and what brokers write for themselves. Throws an Error at a batch that
 * cannot be read, after the events before it.
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

/** Says of one batch after the other whether its transaction was aborted. */
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
