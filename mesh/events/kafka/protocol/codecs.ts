import { promisify } from 'node:util';
import { unzip, zstdDecompress } from 'node:zlib';
import { uncompress } from 'snappy';
import { createByteReader } from './byte-reader.ts';
import { unpackLz4 } from './lz4.ts';

/** Maximum size of a decompressed batch, in bytes. A larger one could exhaust memory and is refused. */
export const maxUnpackedBytes = 128 * 1024 * 1024;

const limits = { maxOutputLength: maxUnpackedBytes };

/** Decompresses the records of a batch by the number of its codec in Kafka's protocol. Rejects invalid data. */
export async function unpack(codec: number, data: Buffer): Promise<Buffer> {
  switch (codec) {
    case 0:
      return data;
    case 1:
      return await promisify(unzip)(data, limits);
    case 2:
      return await unpackSnappy(data);
    case 3:
      return unpackLz4(data, maxUnpackedBytes);
    case 4:
      return await promisify(zstdDecompress)(data, limits);
    default:
      throw new Error(`its codec ${codec} is not known`);
  }
}

// The frame of Java's Snappy library, which Kafka's clients use: its name, two versions, then blocks.
const snappyName = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const snappyHeaderBytes = 16;

async function unpackSnappy(data: Buffer): Promise<Buffer> {
  if (!data.subarray(0, snappyName.length).equals(snappyName)) return await unpackBlock(data, maxUnpackedBytes);
  const blocks: Buffer[] = [];
  const reader = createByteReader(data.subarray(snappyHeaderBytes));
  for (let left = maxUnpackedBytes; reader.left > 0; ) {
    const block = await unpackBlock(reader.bytes(reader.int32()), left);
    left -= block.length;
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

/** A block begins with its decompressed size. */
async function unpackBlock(block: Buffer, maxBytes: number): Promise<Buffer> {
  let size = 0;
  for (let at = 0, byte = 0x80; byte >= 0x80 && at < 5; at++) {
    byte = block.readUInt8(at);
    size += (byte & 0x7f) * 128 ** at;
  }
  if (size > maxBytes) throw new Error(`it has more than ${maxUnpackedBytes} bytes when it is unpacked`);
  return Buffer.from(await uncompress(block));
}
