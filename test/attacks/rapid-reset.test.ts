import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { call, forStreams, headers, requestBlock, reset } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

/** Calls that are reset immediately. */
function resetCalls(count: number, first = 1): Buffer {
  return forStreams(count, (id) => Buffer.concat([call(id, '/attacked/Hang'), reset(id)]), first);
}

describe('a server whose peer resets calls immediately (CVE-2023-44487)', () => {
  const target = attackedServer();

  it('closes the connection after about 2,000 calls, and runs no more handlers', async () => {
    const { handlerRuns: before } = await target.state();
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      for (let sent = 0; sent < 20_000; sent += 500) await peer.send(resetCalls(500, 1 + 2 * sent));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(ended).toEqual({ too_many_resets: 1 });
    const { handlerRuns } = await target.state();
    expect(handlerRuns - before).toBeGreaterThanOrEqual(1_000);
    expect(handlerRuns - before).toBeLessThanOrEqual(2_500);
    await eventually(async () => expect((await target.state()).running).toBe(0));
  });

  it('closes the connection if calls are reset before their message', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const block = requestBlock('/attacked/Hang');
      await peer.send(forStreams(10_000, (id) => Buffer.concat([headers(id, block), reset(id)])));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(ended).toEqual({ too_many_resets: 1 });
  });

  it('closes the connection if calls got a response of 100 before they are reset', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const block = requestBlock('/attacked/Hang', 'expect', '100-continue');
      await peer.send(forStreams(10_000, (id) => Buffer.concat([headers(id, block), reset(id)])));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
  });

  it('serves a caller that cancels 1,500 calls', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(resetCalls(1_500));
    expect(await peer.isServed()).toBe(true);
  });

  it('serves a caller if as many of its calls succeed', async () => {
    using peer = await RawPeer.connect(target.port);
    for (let round = 0; round < 60; round += 1) {
      const first = 1 + round * 400;
      await peer.send(
        resetCalls(100, first),
        forStreams(100, (id) => call(id, '/attacked/Echo'), first + 200),
      );
      expect(await peer.isServed()).toBe(true);
    }
  });
});
