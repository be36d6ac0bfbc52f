// A minimal gRPC implementation on node:http2, only for GetUser, with messages of ts-proto.
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { GetUserRequest, User } from '#gen/user/v1/user.ts';
import { byId, reportReady } from './users-in-memory.ts';

const prefixBytes = 5;
const headers = { ':status': 200, 'content-type': 'application/grpc' };
const notFound = { ...headers, 'grpc-status': '5' };
const trailers = { 'grpc-status': '0' };

const server = createServer({ settings: { maxConcurrentStreams: 1_000 } });
server.on('stream', (stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => answer(stream, Buffer.concat(chunks)));
});
server.listen(0, '127.0.0.1', () => reportReady((server.address() as AddressInfo).port));

function answer(stream: ServerHttp2Stream, request: Buffer): void {
  const user = byId.get(GetUserRequest.decode(request.subarray(prefixBytes)).id);
  if (!user) {
    stream.respond(notFound, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(framed(User.encode(user).finish()));
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}
