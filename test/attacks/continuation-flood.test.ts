import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { frame, ping, repeated, requestBlock } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const block = requestBlock('/attacked/Echo');

function begin(streamId: number, part: Uint8Array = Buffer.alloc(0)): Buffer {
  return frame(FrameType.HEADERS, Flag.END_STREAM, streamId, part);
}

function continuation(streamId: number, part: Uint8Array = Buffer.alloc(0), flags = 0): Buffer {
  return frame(FrameType.CONTINUATION, flags, streamId, part);
}

describe('a server that receives a header block in pieces', () => {
  // Long enough that the number of frames ends a connection, not time.
  const target = attackedServer('native', { patience: { headersMs: 600_000 } });

  it('reads ten pieces', async () => {
    using peer = await RawPeer.connect(target.port);
    const pieces = repeated(8, continuation(1));
    await peer.send(begin(1, block.subarray(0, 9)), pieces, continuation(1, block.subarray(9), Flag.END_HEADERS));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(1);
  });

  it.each([
    ['empty', continuation(1)],
    ['one-byte', continuation(1, block.subarray(0, 1))],
    ['large', continuation(1, Buffer.alloc(16_384))],
  ])('closes the connection after a few %s pieces of an endless block (CVE-2024-27316)', async (_, piece) => {
    await target.attack(async (port) => {
      using few = await RawPeer.connect(port);
      await few.send(begin(1), repeated(12, piece));
      await few.closed;
      expect(few.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
      using many = await RawPeer.connect(port);
      await many.send(begin(1));
      await many.flood(100, repeated(100, piece));
      await many.closed;
      expect(many.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(await target.keptBytes()).toBeLessThan(4 * 1024 * 1024);
  });

  it('keeps nothing of a thousand unfinished blocks (CVE-2024-27983)', async () => {
    const { sockets } = await target.state();
    await target.attack(async (port) => {
      for (let time = 0; time < 1_000; time += 1) {
        using peer = await RawPeer.connect(port);
        await peer.send(begin(1, block.subarray(0, time % block.length)), repeated(time % 9, continuation(1)));
      }
    });
    await eventually(async () => expect((await target.state()).sockets).toBeLessThanOrEqual(sockets));
  });

  it.each([
    ['CONTINUATION without HEADERS', continuation(1)],
    [
      'CONTINUATION of another stream',
      Buffer.concat([begin(1, block), continuation(3, Buffer.alloc(0), Flag.END_HEADERS)]),
    ],
    ['a frame in between', Buffer.concat([begin(1, block), ping()])],
    ['another block in between', Buffer.concat([begin(1, block), begin(3, block)])],
  ])('closes the connection on %s', async (_, frames) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.PROTOCOL_ERROR);
    });
  });
});
