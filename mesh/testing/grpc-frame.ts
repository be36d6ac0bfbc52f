const prefixBytes = 5;

/** A message on the wire, without its prefix. */
export interface WireMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** Encodes a gRPC frame: whether the message is compressed, its length, the message. */
export function grpcFrame(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Decodes gRPC frames. Throws if the last one is incomplete. */
export function readGrpcFrames(wire: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < wire.length; ) {
    const end = at + prefixBytes + wire.readUInt32BE(at + 1);
    if (end > wire.length) throw new Error(`a message ends at byte ${end}, but only ${wire.length} bytes arrived`);
    messages.push({ isCompressed: wire.readUInt8(at) === 1, bytes: wire.subarray(at + prefixBytes, end) });
    at = end;
  }
  return messages;
}
