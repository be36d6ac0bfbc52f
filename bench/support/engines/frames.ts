/** The parts of HTTP/2 that a client needs which only times answers: frames, and none of what is in them. */
export const FrameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

export const endStream = 1;
export const endHeaders = 4;
export const ack = 1;
export const headerBytes = 9;

/** A frame with these bytes. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(headerBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** What a client begins with: its preface, empty settings, and a window for all that a connection will get. */
export function opening(): Buffer {
  const window = Buffer.alloc(4);
  window.writeUInt32BE(2 ** 30);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(FrameType.settings, 0, 0, new Uint8Array()),
    frame(FrameType.windowUpdate, 0, 0, window),
  ]);
}

export type TakeFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

/** Takes bytes as they come and hands on whole frames. */
export function frameReader(take: TakeFrame): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const end = at + headerBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5), bytes.subarray(at + headerBytes, end));
      at = end;
    }
    rest = bytes.subarray(at);
  };
}
