import type { Readable, Writable } from 'node:stream';

const lengthBytes = 4;

/** The messages of a stream, each with its length before it. */
export async function* readDelimited(stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= lengthBytes) {
      const end = lengthBytes + bytes.readUInt32BE(0);
      if (bytes.length < end) break;
      yield bytes.subarray(lengthBytes, end);
      bytes = bytes.subarray(end);
    }
  }
}

export function writeDelimited(stream: Writable, message: Uint8Array): void {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(message.length);
  stream.write(Buffer.concat([length, message]));
}
