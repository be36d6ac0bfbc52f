import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import { http2Frame } from '../../../testing/http2-frame.ts';
import { clientPreface, ErrorCode, Flag, FrameType } from '../../native/http2/codec/frames.ts';
import { literalFields } from '../../native/http2/codec/literal-fields.ts';
import { serveTcp } from '../../native/testing/tcp-server.ts';

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

/** Answers a call with one text and a status. */
export function answer(stream: ServerHttp2Stream, text = 'hello', status = 0): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': `${status}` }));
  stream.end(grpcFrame(Buffer.from(text)));
}

/**
 * Serves responses that begin and are then refused with REFUSED_STREAM, on stream 1. Node's server would end them regularly.
 * `openedStreams` returns how many streams a client has opened.
 */
export async function serveRefusedResponse(): Promise<{ address: string; openedStreams: () => number }> {
  const header = literalFields([':status', '200', 'content-type', 'application/grpc']);
  const refused = Buffer.concat([
    http2Frame(FrameType.HEADERS, Flag.END_HEADERS, 1, header),
    http2Frame(FrameType.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, ErrorCode.REFUSED_STREAM])),
  ]);
  let opened = 0;
  const address = await serveTcp((socket) => {
    let sent = Buffer.alloc(0);
    socket.write(http2Frame(FrameType.SETTINGS, 0, 0));
    socket.on('data', (chunk) => {
      sent = Buffer.concat([sent, chunk]);
      const before = opened;
      opened = streamsIn(sent);
      if (opened > before) socket.write(refused);
    });
  });
  return { address, openedStreams: () => opened };
}

/** The number of HEADERS frames that a client has sent. */
function streamsIn(sent: Buffer): number {
  let count = 0;
  for (let at = clientPreface.length; at + 9 <= sent.length; at += 9 + sent.readUIntBE(at, 3)) {
    if (sent[at + 3] === FrameType.HEADERS) count += 1;
  }
  return count;
}
