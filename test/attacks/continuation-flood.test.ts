import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { attackedServer, settles } from './support/attack.ts';
import { frame, ping, repeated, requestBlock } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const block = requestBlock('/attacked/Echo');

function begin(streamId: number, part: Uint8Array = Buffer.alloc(0)): Buffer {
  return frame(FrameType.HEADERS, Flag.END_STREAM, streamId, part);
}

function goOn(streamId: number, part: Uint8Array = Buffer.alloc(0), flags = 0): Buffer {
  return frame(FrameType.CONTINUATION, flags, streamId, part);
}

describe('a header block in pieces', () => {
  // What it ends is ended by their number, not by time.
  const target = attackedServer('native', { patience: { headersMs: 600_000 } });

  it('is read when there are ten of them', async () => {
    using peer = await RawPeer.connect(target.port);
    const pieces = repeated(8, goOn(1));
    await peer.send(begin(1, block.subarray(0, 9)), pieces, goOn(1, block.subarray(9), Flag.END_HEADERS));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(1);
  });

  it.each([
    ['empty', goOn(1)],
    ['of one byte', goOn(1, block.subarray(0, 1))],
    ['large', goOn(1, Buffer.alloc(16_384))],
  ])('that goes on and on, in %s frames, ends the connection after a few (CVE-2024-27316)', async (_, piece) => {
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

  it('that is cut off, a thousand times, leaves nothing behind (CVE-2024-27983)', async () => {
    const { sockets } = await target.state();
    await target.attack(async (port) => {
      for (let time = 0; time < 1_000; time += 1) {
        using peer = await RawPeer.connect(port);
        await peer.send(begin(1, block.subarray(0, time % block.length)), repeated(time % 9, goOn(1)));
      }
    });
    await settles(async () => expect((await target.state()).sockets).toBeLessThanOrEqual(sockets));
  });

  it.each([
    ['CONTINUATION without HEADERS', goOn(1)],
    ['CONTINUATION of another stream', Buffer.concat([begin(1, block), goOn(3, Buffer.alloc(0), Flag.END_HEADERS)])],
    ['a frame in between', Buffer.concat([begin(1, block), ping()])],
    ['another block in between', Buffer.concat([begin(1, block), begin(3, block)])],
  ])('with %s ends the connection', async (_, frames) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.PROTOCOL_ERROR);
    });
  });
});
