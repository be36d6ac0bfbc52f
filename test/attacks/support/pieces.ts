/** Splits bytes into single bytes. */
export function* byteByByte(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1) yield Buffer.from(bytes.subarray(at, at + 1));
}

/** Splits bytes into pieces of these sizes, repeated. */
export function* inPieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let round = 0;
  for (let at = 0; at < bytes.length; round += 1) {
    const size = sizes[round % sizes.length] ?? bytes.length;
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}
