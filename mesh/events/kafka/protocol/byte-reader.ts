/** Reads the values of Kafka's protocol. Throws a RangeError past the end. */
export interface ByteReader {
  /** The number of bytes left. */
  readonly left: number;
  int8(): number;
  int16(): number;
  int32(): number;
  int64(): bigint;
  /** Reads a number of variable length. Exact up to 2^53. */
  uvarint(): number;
  /** Reads a signed number of variable length, zigzag encoded. */
  varint(): number;
  /** Returns the next bytes, not copied. */
  bytes(count: number): Buffer;
}

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
