import { type ByteReader, createByteReader } from './byte-reader.ts';

/** A broker's answer for a partition. */
export interface PartitionResponse {
  readonly topic: string;
  readonly partition: number;
  /** 0: no error. */
  readonly errorCode: number;
  /** In the order of their first offsets. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Concatenated batches. */
  readonly records: Buffer;
}

/** A transaction whose records from an offset on are aborted. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** The answer to a Fetch request. */
export interface FetchResponse {
  /** How long the client must not send, in milliseconds. */
  readonly throttleMs: number;
  /** 0: no error. */
  readonly errorCode: number;
  readonly partitions: readonly PartitionResponse[];
}

/** The supported versions of the Fetch API. */
export const fetchVersions = { oldest: 4, newest: 11 };

/** Reads the answer to a Fetch request of a version, without its records. */
export function readFetchResponse(bytes: Buffer, version: number): FetchResponse {
  const reader = createByteReader(bytes);
  const throttleMs = reader.int32();
  const errorCode = version >= 7 ? reader.int16() : 0;
  // The id of a fetch session, which is never requested.
  if (version >= 7) reader.int32();
  const partitions = list(reader, () => {
    const topic = text(reader);
    return list(reader, () => readPartition(reader, version, topic));
  }).flat();
  return { throttleMs, errorCode, partitions };
}

function readPartition(reader: ByteReader, version: number, topic: string): PartitionResponse {
  const partition = reader.int32();
  const errorCode = reader.int16();
  // The high watermark, the last stable offset and, later, the log's start.
  reader.bytes(version >= 5 ? 24 : 16);
  const abortedTransactions = list(reader, () => ({ producerId: reader.int64(), firstOffset: reader.int64() }));
  // The preferred replica.
  if (version >= 11) reader.int32();
  const records = reader.bytes(Math.max(0, reader.int32()));
  return { topic, partition, errorCode, abortedTransactions, records };
}

function list<T>(reader: ByteReader, readOne: () => T): T[] {
  const items: T[] = [];
  for (let left = reader.int32(); left > 0; left--) items.push(readOne());
  return items;
}

function text(reader: ByteReader): string {
  return reader.bytes(reader.int16()).toString();
}
