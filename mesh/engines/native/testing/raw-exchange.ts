import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { rawConnection } from '../../../server/testing/raw-call.ts';

/** A request as it arrived. */
export interface RawRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Serves HTTP/2 with Node's implementation. `respond` is called when a request is complete. */
export async function serveRequests(respond: (stream: ServerHttp2Stream, request: RawRequest) => void) {
  const requests: RawRequest[] = [];
  const server = await serveStreams((stream, headers) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      const request = { headers, body: Buffer.concat(pieces) };
      requests.push(request);
      respond(stream, request);
    });
  });
  return { ...server, requests };
}

/** Serves HTTP/2 with Node's implementation on a free port, until the test ends. */
export async function serveStreams(onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const streams: ServerHttp2Stream[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    streams.push(stream);
    onStream(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions, streams };
}

/** Opens a stream at `address` that ends with the test. */
export async function openStream(address: string, path: string, headers: Record<string, string | string[]> = {}) {
  const session = await rawConnection(address);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...headers });
  stream.on('error', () => undefined);
  return stream;
}

/** Makes one call and returns everything that it gets. */
export async function exchange(
  address: string,
  path: string,
  body: Uint8Array,
  headers: Record<string, string | string[]> = {},
) {
  const stream = await openStream(address, path, headers);
  const answer = { header: {} as IncomingHttpHeaders, trailers: {} as IncomingHttpHeaders, isOneBlock: false };
  stream.on('response', (fields, flags) => {
    answer.header = fields;
    answer.isOneBlock = (flags & 1) === 1;
  });
  stream.on('trailers', (fields) => {
    answer.trailers = fields;
  });
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.end(body);
  await new Promise((resolve) => stream.on('close', resolve));
  const status = answer.trailers['grpc-status'] ?? answer.header['grpc-status'];
  return { ...answer, status: Number(status), body: Buffer.concat(pieces), resetCode: stream.rstCode };
}
