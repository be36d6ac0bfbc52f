import type { Duplex } from 'node:stream';
import { http2Frame } from '../../../testing/http2-frame.ts';

const frameHeaderBytes = 9;
export const settingsFrame = 4;
export const headersFrame = 1;
export const ackFlag = 0x1;
/** The flags of a message that consists of its headers only. */
export const wholeMessage = 0x5;
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** A frame with its parsed header. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame({ type, flags, streamId, payload }: Frame): Buffer {
  return http2Frame(type, flags, streamId, payload);
}

/** Calls the callback with each frame, after the first `skip` bytes. */
export function onFrame(socket: Duplex, skip: number, take: (frame: Frame) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  let toSkip = skip;
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const skipped = Math.min(toSkip, bytes.length);
    toSkip -= skipped;
    bytes = bytes.subarray(skipped);
    while (bytes.length >= frameHeaderBytes && bytes.length >= frameHeaderBytes + bytes.readUIntBE(0, 3)) {
      const end = frameHeaderBytes + bytes.readUIntBE(0, 3);
      const header = { type: bytes.readUInt8(3), flags: bytes.readUInt8(4), streamId: bytes.readUInt32BE(5) };
      take({ ...header, payload: bytes.subarray(frameHeaderBytes, end) });
      bytes = bytes.subarray(end);
    }
  });
}

/** The HPACK block of a HEADERS frame, without the priority that old clients add. */
export function blockOf({ flags, payload }: Frame): Buffer {
  return payload.subarray((flags & 0x20) === 0 ? 0 : 5);
}
