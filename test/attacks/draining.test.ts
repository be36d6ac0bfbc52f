import { describe, expect, it, onTestFinished } from 'vitest';
import type { EngineMethod, ServerHost } from '../../mesh/engines/engine.ts';
import { createServerHost } from '../../mesh/engines/native/grpc/server/server-host.ts';
import { ErrorCode, Flag, FrameType, maxStreamId } from '../../mesh/engines/native/http2/codec/frames.ts';
import { toStatus } from '../../mesh/errors/to-status.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { call, frame, hello, settings } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const same = (bytes: Uint8Array) => bytes;
const method: EngineMethod<Uint8Array, Uint8Array> = {
  path: '/drained/Echo',
  kind: 'unary',
  encodeRequest: same,
  decodeRequest: same,
  encodeResponse: same,
  decodeResponse: same,
};

async function serve(): Promise<{ host: ServerHost; port: number }> {
  const logger = createLogger('silent');
  const host = createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  host.add(method, { kind: 'unary', handle: async (read) => read() });
  onTestFinished(() => host.drain(0));
  return { host, port: await host.listen('127.0.0.1:0') };
}

const echo = (streamId: number) => call(streamId, method.path, Buffer.from('hello'));
const lastStreamIds = (peer: RawPeer) => peer.of(FrameType.GOAWAY).map(({ payload }) => payload.readUInt32BE(0));
const isAnswered = (peer: RawPeer, streamId: number) => peer.of(FrameType.HEADERS, streamId).length === 2;

/** Acknowledges the server's PING, with which it checks that its first GOAWAY has been read. */
async function answerPing(peer: RawPeer): Promise<void> {
  const ping = await eventually(() => {
    const found = peer.of(FrameType.PING).find(({ flags }) => (flags & Flag.ACK) === 0);
    if (found === undefined) throw new Error('no PING received');
    return found;
  });
  await peer.send(frame(FrameType.PING, Flag.ACK, 0, ping.payload));
}

describe('a draining server', () => {
  it('answers calls sent before its first GOAWAY is read, and refuses calls after the second', async () => {
    const { host, port } = await serve();
    using peer = await RawPeer.connect(port);
    expect(await peer.isServed()).toBe(true);
    const drained = host.drain(10_000);
    await eventually(() => expect(lastStreamIds(peer)).toEqual([maxStreamId]));
    await peer.send(echo(1), echo(3));
    await eventually(() => expect(isAnswered(peer, 1) && isAnswered(peer, 3)).toBe(true));
    // An incomplete call keeps the connection open.
    await peer.send(call(5, method.path).subarray(0, -14));
    await answerPing(peer);
    await eventually(() => expect(lastStreamIds(peer)).toEqual([maxStreamId, 5]));
    await peer.send(echo(7));
    await eventually(() => expect(peer.resetOf(7)).toBe(ErrorCode.REFUSED_STREAM));
    await peer.send(frame(FrameType.RST_STREAM, 0, 5, Buffer.from([0, 0, 0, ErrorCode.CANCEL])));
    await drained;
  });

  it('answers calls of a connected client that has sent nothing yet', async () => {
    const { host, port } = await serve();
    using peer = await RawPeer.connect(port, Buffer.alloc(0));
    await eventually(() => expect(host.openConnections).toBe(1));
    const drained = host.drain(10_000);
    await peer.send(hello, echo(1));
    await eventually(() => expect(isAnswered(peer, 1)).toBe(true));
    await answerPing(peer);
    await drained;
  });

  it.each([
    ['never sends anything', Buffer.alloc(0), 9_000],
    ['acknowledges no PING', Buffer.concat([hello, settings()]), 500],
  ])('closes a connection whose peer %s', async (_, begin, graceMs) => {
    const { host, port } = await serve();
    using peer = await RawPeer.connect(port, begin);
    await eventually(() => expect(host.openConnections).toBe(1));
    const startMs = performance.now();
    await host.drain(graceMs);
    await peer.closed;
    expect(performance.now() - startMs).toBeLessThan(8_000);
  });

  it('accepts no new connections', async () => {
    const { host, port } = await serve();
    using peer = await RawPeer.connect(port);
    expect(await peer.isServed()).toBe(true);
    const drained = host.drain(10_000);
    await expect(RawPeer.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await answerPing(peer);
    await drained;
  });
});
