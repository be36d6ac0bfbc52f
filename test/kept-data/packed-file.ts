import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

// The window covers a whole database, which contains many similar pages.
const params = {
  [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
  [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
};

/** Writes `<folder>/<name>.br`. */
export async function packFile(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(folder, `${name}.br`), brotliCompressSync(bytes, { params }));
}

/** Reads `<folder>/<name>.br`. */
export async function unpackFile(folder: string, name: string): Promise<Buffer> {
  return brotliDecompressSync(await readFile(join(folder, `${name}.br`)));
}
