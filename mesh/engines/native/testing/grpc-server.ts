import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { grpcFrame } from '../../../testing/grpc-frame.ts';

/** A server whose streams a test handles itself. */
export interface RawServer {
  readonly address: string;
  /** All connections so far, in order. */
  readonly sessions: readonly ServerHttp2Session[];
}

/** Serves HTTP/2 with Node's implementation on a free port, until the test ends. */
export async function serveRaw(
  onStream: (stream: ServerHttp2Stream, count: number) => void,
  settings: Settings = {},
): Promise<RawServer> {
  const server = createServer({ settings });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  let count = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    count += 1;
    onStream(stream, count);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions };
}

/** Answers a call with one text and OK. */
export function answer(stream: ServerHttp2Stream, text = 'hello'): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(grpcFrame(Buffer.from(text)));
}
