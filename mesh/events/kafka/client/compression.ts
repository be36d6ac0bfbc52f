import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import kafkajs, { type CompressionTypes } from 'kafkajs';
import { compress as compressWithSnappy } from 'snappy';
import type { Compression } from '../../../config/store-settings.ts';
import { unpack } from '../protocol/codecs.ts';

const { CompressionCodecs, CompressionTypes: types } = kafkajs;

/** The library's name of each codec. */
const codecs: Readonly<Record<Compression, CompressionTypes>> = {
  none: types.None,
  gzip: types.GZIP,
  snappy: types.Snappy,
  zstd: types.ZSTD,
};

// The library has gzip only.
CompressionCodecs[types.Snappy] = () => newCodec(types.Snappy, compressWithSnappy);
CompressionCodecs[types.ZSTD] = () => newCodec(types.ZSTD, promisify(zstdCompress));

/** Returns the codec that the library compresses a batch with. */
export function codecOf(compression: Compression): CompressionTypes {
  return codecs[compression];
}

function newCodec(type: CompressionTypes, compress: (data: Buffer) => Promise<Buffer>) {
  return {
    compress: ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
    decompress: (data: Buffer) => unpack(type, data),
  };
}
