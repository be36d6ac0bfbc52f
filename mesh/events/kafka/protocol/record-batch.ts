import { createByteReader } from './byte-reader.ts';
import { unpack } from './codecs.ts';
import { crc32c } from './crc32c.ts';

/** A record of a batch. */
export interface KafkaRecord {
  readonly offset: bigint;
  readonly timeMs: number;
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
  /** A name may occur more than once. */
  readonly headers: readonly (readonly [name: string, value: Buffer | undefined])[];
}

/** A batch of records, not yet decompressed. */
export interface RecordBatch {
  /** Its original first offset. The first record may have been removed. */
  readonly baseOffset: bigint;
  /** The first offset after it, even if compaction has removed its last records or all of them. */
  readonly nextOffset: bigint;
  readonly producerId: bigint;
  readonly isTransactional: boolean;
  /** Whether it is a control batch, which records how a transaction ended. */
  readonly isControl: boolean;
  /** Verifies the checksum, decompresses, and yields the records. Throws an Error for a damaged batch. */
  records(): Promise<Iterable<KafkaRecord>>;
}

// Offset and length, which the length does not include.
const prefixBytes = 12;
const headerBytes = 61;
const magicAt = 16;
const checksumAt = 17;
const checkedFrom = 21;
const knownMagic = 2;

const codecBits = 0x07;
const appendTimeBit = 0x08;
const transactionalBit = 0x10;
const controlBit = 0x20;

/**
 * Yields the batches of an answer. An incomplete last batch is left out. Throws an Error for a batch in a format from
 * before Kafka 0.11, or in an unknown format.
 */
export function* cutBatches(answer: Buffer): Generator<RecordBatch> {
  for (let at = 0; answer.length - at > magicAt; ) {
    const magic = answer.readInt8(at + magicAt);
    if (magic !== knownMagic) throw new Error(`its format is ${magic}, known is ${knownMagic}`);
    const length = prefixBytes + answer.readInt32BE(at + 8);
    if (length < headerBytes) throw new Error(`its length of ${length} bytes is less than that of its header`);
    if (length > answer.length - at) return;
    yield readBatch(answer.subarray(at, at + length));
    at += length;
  }
}

function readBatch(batch: Buffer): RecordBatch {
  const baseOffset = batch.readBigInt64BE(0);
  const attributes = batch.readInt16BE(checkedFrom);
  return {
    baseOffset,
    nextOffset: baseOffset + BigInt(batch.readInt32BE(23)) + 1n,
    producerId: batch.readBigInt64BE(43),
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    async records() {
      if (crc32c(batch.subarray(checkedFrom)) !== batch.readUInt32BE(checksumAt)) {
        throw new Error('its checksum is not that of its bytes');
      }
      return readRecords(await unpack(attributes & codecBits, batch.subarray(headerBytes)), {
        baseOffset,
        baseTimeMs: Number(batch.readBigInt64BE(27)),
        appendTimeMs: attributes & appendTimeBit ? Number(batch.readBigInt64BE(35)) : undefined,
        count: batch.readInt32BE(57),
      });
    },
  };
}

interface RecordContext {
  readonly baseOffset: bigint;
  readonly baseTimeMs: number;
  /** The time of all records, if the broker sets it. */
  readonly appendTimeMs: number | undefined;
  readonly count: number;
}

function* readRecords(bytes: Buffer, context: RecordContext): Generator<KafkaRecord> {
  const reader = createByteReader(bytes);
  for (let index = 0; index < context.count; index++) yield readRecord(reader.bytes(reader.varint()), context);
}

function readRecord(bytes: Buffer, { baseOffset, baseTimeMs, appendTimeMs }: RecordContext): KafkaRecord {
  const reader = createByteReader(bytes);
  const optionalBytes = () => {
    const length = reader.varint();
    return length < 0 ? undefined : reader.bytes(length);
  };
  // Attributes, which records do not use.
  reader.int8();
  const timeMs = baseTimeMs + reader.varint();
  const offset = baseOffset + BigInt(reader.varint());
  const key = optionalBytes();
  const value = optionalBytes();
  const headers: [string, Buffer | undefined][] = [];
  for (let left = reader.varint(); left > 0; left--) {
    headers.push([reader.bytes(reader.varint()).toString(), optionalBytes()]);
  }
  return { offset, timeMs: appendTimeMs ?? timeMs, key, value, headers };
}
