import { gunzipSync, gzipSync } from 'node:zlib';

/** A message as it is on the wire: behind a flag and its length. */
export interface WireMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** Messages as they go on the wire. */
export function wireBytes(...messages: readonly WireMessage[]): Buffer {
  return Buffer.concat(
    messages.flatMap(({ isCompressed, bytes }) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt8(isCompressed ? 1 : 0);
      prefix.writeUInt32BE(bytes.length, 1);
      return [prefix, bytes];
    }),
  );
}

/** The messages in what came over the wire; all of them have to be whole. */
export function readMessages(wire: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < wire.length; ) {
    const end = at + 5 + wire.readUInt32BE(at + 1);
    if (end > wire.length) throw new Error(`a message ends at ${end}, but only ${wire.length} bytes came`);
    messages.push({ isCompressed: wire.readUInt8(at) === 1, bytes: wire.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}

export function gzipped(bytes: Uint8Array): WireMessage {
  return { isCompressed: true, bytes: gzipSync(bytes) };
}

export function plain(bytes: Uint8Array): WireMessage {
  return { isCompressed: false, bytes: Buffer.from(bytes) };
}

/** The message itself, gunzipped where it is compressed. */
export function opened({ isCompressed, bytes }: WireMessage): Buffer {
  return isCompressed ? gunzipSync(bytes) : bytes;
}
