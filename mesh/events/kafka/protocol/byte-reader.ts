/** Reads what Kafka writes, one value after the other. Throws a RangeError past the end. */
export interface ByteReader {
  /** How many bytes are left. */
  readonly left: number;
  int8(): number;
  int16(): number;
  int32(): number;
  int64(): bigint;
  /** A number of variable length. Exact up to 2^53. */
  uvarint(): number;
  /** One that may be negative: zigzag coded. */
  varint(): number;
  /** The next bytes, not copied. */
  bytes(count: number): Buffer;
}

/** Makes a reader that begins at the first byte. */
export function createByteReader(buffer: Buffer): ByteReader {
  let at = 0;
  const skip = (count: number) => {
    const from = at;
    at += count;
    return from;
  };
  function uvarint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = buffer.readUInt8(skip(1));
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('a number has more than ten bytes');
  }
  return {
    get left() {
      return buffer.length - at;
    },
    int8: () => buffer.readInt8(skip(1)),
    int16: () => buffer.readInt16BE(skip(2)),
    int32: () => buffer.readInt32BE(skip(4)),
    int64: () => buffer.readBigInt64BE(skip(8)),
    uvarint,
    varint() {
      const value = uvarint();
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    },
    bytes(count) {
      if (count < 0 || count > buffer.length - at) throw new RangeError(`${count} bytes are not there`);
      const from = skip(count);
      return buffer.subarray(from, from + count);
    },
  };
}
