import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientPreface, Flag, FrameType, frameHeaderBytes } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../../mesh/engines/native/http2/codec/literal-fields.ts';
import { grpcFrame } from '../../../mesh/testing/grpc-frame.ts';
import { http2Frame } from '../../../mesh/testing/http2-frame.ts';

// A minimal HTTP/2 client that only times responses. It reads frame headers and ignores their content.

export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

const connectionWindowBytes = 2 ** 30;

/** Connects to a server and exchanges settings. `onFrame` receives all frames except SETTINGS and PING. */
export async function openConnection(address: string, onFrame: OnFrame): Promise<Socket> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), noDelay: true });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let exchanged = 0;
  const read = frameReader((type, flags, streamId, payload) => {
    const isAck = (flags & Flag.ACK) !== 0;
    if (type === FrameType.SETTINGS) {
      if (!isAck) socket.write(http2Frame(FrameType.SETTINGS, Flag.ACK, 0));
      exchanged += 1;
      if (exchanged === 2) resolve();
    } else if (type === FrameType.PING) {
      if (!isAck) socket.write(http2Frame(FrameType.PING, Flag.ACK, 0, payload));
    } else onFrame(type, flags, streamId, payload);
  });
  socket.on('data', read).on('error', reject);
  socket.on('close', () => reject(new Error(`${address} closed a connection before settings were exchanged`)));
  await once(socket, 'connect');
  socket.write(connectionStart());
  await ready;
  return socket;
}

/** The client preface, empty settings, and a connection window that is never used up. */
function connectionStart(): Buffer {
  const window = Buffer.alloc(4);
  window.writeUInt32BE(connectionWindowBytes);
  return Buffer.concat([
    clientPreface,
    http2Frame(FrameType.SETTINGS, 0, 0),
    http2Frame(FrameType.WINDOW_UPDATE, 0, 0, window),
  ]);
}

/** Splits incoming bytes into frames. */
function frameReader(onFrame: OnFrame): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const payloadAt = at + frameHeaderBytes;
      const end = payloadAt + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5), bytes.subarray(payloadAt, end));
      at = end;
    }
    rest = bytes.subarray(at);
  };
}

/** Returns a function that creates the frames of a gRPC call for a stream. Fields are literals, valid on any connection. */
export function requestFrames(address: string, path: string, request: Uint8Array): (streamId: number) => Buffer {
  const fields = [':method', 'POST', ':scheme', 'http', ':path', path, ':authority', address];
  const block = literalFields([...fields, 'content-type', 'application/grpc', 'te', 'trailers']);
  const template = Buffer.concat([
    http2Frame(FrameType.HEADERS, Flag.END_HEADERS, 0, block),
    http2Frame(FrameType.DATA, Flag.END_STREAM, 0, grpcFrame(request)),
  ]);
  const dataAt = frameHeaderBytes + block.length;
  return (streamId) => {
    const bytes = Buffer.from(template);
    bytes.writeUInt32BE(streamId, 5);
    bytes.writeUInt32BE(streamId, dataAt + 5);
    return bytes;
  };
}
