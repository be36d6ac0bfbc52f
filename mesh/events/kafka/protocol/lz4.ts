const frameMagic = 0x184d2204;
const skippableMagic = 0x184d2a50;
const minMatch = 4;
// A length that does not fit into four bits continues in bytes.
const longLength = 15;
// Up to this length a loop is faster than a call.
const fewBytes = 32;

/** The decompressed bytes so far. Blocks may refer back to them. */
interface Output {
  bytes: Buffer;
  length: number;
  readonly maxBytes: number;
}

/**
 * Decompresses concatenated LZ4 frames, to at most `maxBytes`. Throws an Error for an invalid frame. Checksums within
 * frames are ignored, because the checksum of the batch was verified.
 */
export function unpackLz4(data: Buffer, maxBytes: number): Buffer {
  const output: Output = { bytes: Buffer.allocUnsafe(Math.min(maxBytes, data.length * 4)), length: 0, maxBytes };
  for (let at = 0; at < data.length; ) {
    const magic = data.readUInt32LE(at);
    if (magic === frameMagic) at = unpackFrame(data, at + 4, output);
    else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) at += 8 + data.readUInt32LE(at + 4);
    else throw new Error('it does not begin like an LZ4 frame');
  }
  return output.bytes.subarray(0, output.length);
}

/** Returns the end of the frame that begins before `start`. */
function unpackFrame(data: Buffer, start: number, output: Output): number {
  const flags = data.readUInt8(start);
  if (flags >> 6 !== 1) throw new Error(`its LZ4 frame has version ${flags >> 6}, known is 1`);
  const [hasBlockChecksums, hasSize, hasChecksum, hasDictionary] = [16, 8, 4, 1].map((bit) => (flags & bit) !== 0);
  if (hasDictionary) throw new Error('its LZ4 frame needs a dictionary');
  const frameStart = output.length;
  let at = start + 3 + (hasSize ? 8 : 0);
  for (let size = data.readUInt32LE(at); size !== 0; size = data.readUInt32LE(at)) {
    const end = at + 4 + (size & 0x7fffffff);
    if (end > data.length) throw new Error('its LZ4 frame is cut off');
    if (size > 0x7fffffff) append(output, data, at + 4, end - at - 4);
    else unpackBlock(data.subarray(at + 4, end), output, frameStart);
    at = end + (hasBlockChecksums ? 4 : 0);
  }
  return at + 4 + (hasChecksum ? 4 : 0);
}

function unpackBlock(block: Buffer, output: Output, frameStart: number): void {
  let at = 0;
  const lengthFrom = (bits: number): number => {
    let length = bits;
    if (bits < longLength) return length;
    for (let more = 255; more === 255; length += more) more = block.readUInt8(at++);
    return length;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = lengthFrom(token >> 4);
    if (literals > block.length - at) throw new Error('an LZ4 block is cut off');
    append(output, block, at, literals);
    at += literals;
    // The last sequence of a block has no match.
    if (at === block.length) return;
    const distance = block.readUInt16LE(at);
    at += 2;
    if (distance === 0 || distance > output.length - frameStart) throw new Error('an LZ4 block refers to nothing');
    repeat(output, distance, lengthFrom(token & longLength) + minMatch);
  }
}

function append(output: Output, source: Buffer, from: number, count: number): void {
  makeRoom(output, count);
  const { bytes, length } = output;
  if (count > fewBytes) source.copy(bytes, length, from, from + count);
  else for (let index = 0; index < count; index++) bytes[length + index] = source[from + index] as number;
  output.length += count;
}

/** Appends bytes from `distance` back. They may overlap with the end and then repeat. */
function repeat(output: Output, distance: number, count: number): void {
  makeRoom(output, count);
  const { bytes, length } = output;
  const from = length - distance;
  if (count > fewBytes) {
    // The next copy includes the copied bytes.
    for (let done = 0; done < count; ) {
      const step = Math.min(count - done, distance + done);
      bytes.copyWithin(length + done, from, from + step);
      done += step;
    }
  } else for (let index = 0; index < count; index++) bytes[length + index] = bytes[from + index] as number;
  output.length += count;
}

function makeRoom(output: Output, more: number): void {
  const needed = output.length + more;
  if (needed > output.maxBytes) throw new Error(`it has more than ${output.maxBytes} bytes when it is unpacked`);
  if (needed <= output.bytes.length) return;
  const larger = Buffer.allocUnsafe(Math.min(output.maxBytes, Math.max(needed, output.bytes.length * 2)));
  output.bytes.copy(larger, 0, 0, output.length);
  output.bytes = larger;
}
