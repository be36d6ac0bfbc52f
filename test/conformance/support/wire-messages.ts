import { gunzipSync, gzipSync } from 'node:zlib';

/** A message on the wire, after its flag and length. */
export interface WireMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** Encodes messages with their prefixes. */
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

/** Decodes messages. Throws if the last one is incomplete. */
export function readMessages(wire: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < wire.length; ) {
    const end = at + 5 + wire.readUInt32BE(at + 1);
    if (end > wire.length) throw new Error(`a message ends at byte ${end}, but only ${wire.length} bytes arrived`);
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

/** Returns the message, gunzipped if it is compressed. */
export function decompressed({ isCompressed, bytes }: WireMessage): Buffer {
  return isCompressed ? gunzipSync(bytes) : bytes;
}
