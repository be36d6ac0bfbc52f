import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { compress, uncompress } from 'snappy';

/** A codec as kafkajs takes it. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

const zstd: Codec = {
  compress: ({ buffer }) => promisify(zstdCompress)(buffer),
  decompress: (data) => promisify(zstdDecompress)(data),
};

// The frame that Java's library puts around Snappy, and Kafka's clients with it: its name, two versions, then blocks.
const snappyHeader = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const snappyNameBytes = 8;
const snappyBlockBytes = 32 * 1024;

const snappy: Codec = {
  async compress({ buffer }) {
    const parts: Buffer[] = [snappyHeader];
    for (let start = 0; start < buffer.length; start += snappyBlockBytes) {
      const block = await compress(buffer.subarray(start, start + snappyBlockBytes));
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      parts.push(length, block);
    }
    return Buffer.concat(parts);
  },
  async decompress(data) {
    if (!data.subarray(0, snappyNameBytes).equals(snappyHeader.subarray(0, snappyNameBytes))) return await unpack(data);
    const blocks: Buffer[] = [];
    for (let start = snappyHeader.length; start < data.length; ) {
      const end = start + 4 + data.readInt32BE(start);
      blocks.push(await unpack(data.subarray(start + 4, end)));
      start = end;
    }
    return Buffer.concat(blocks);
  },
};

async function unpack(block: Buffer): Promise<Buffer> {
  return Buffer.from(await uncompress(block));
}

/** Lets the library read, and write, what is compressed with Snappy or Zstandard; gzip it knows, LZ4 nobody here does. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => snappy;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
}
