import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../mesh/engines/native/http2/codec/frames.ts';
import { attackedServer, settles } from './support/attack.ts';
import { call, forStreams, headers, requestBlock, reset } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

/** Calls that are reset as soon as they are made. */
function resetCalls(count: number, first = 1): Buffer {
  return forStreams(count, (id) => Buffer.concat([call(id, '/attacked/Hang'), reset(id)]), first);
}

describe('a peer that resets its calls at once (CVE-2023-44487)', () => {
  const target = attackedServer();

  it('is ended after 2,000 of them, and no more handlers ran', async () => {
    const { handlerRuns: before } = await target.state();
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      for (let sent = 0; sent < 20_000; sent += 500) await peer.send(resetCalls(500, 1 + 2 * sent));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    const { handlerRuns } = await target.state();
    expect(handlerRuns - before).toBeGreaterThanOrEqual(1_000);
    expect(handlerRuns - before).toBeLessThanOrEqual(2_500);
    await settles(async () => expect((await target.state()).running).toBe(0));
  });

  it('is ended as well when it resets them before they have a message', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const block = requestBlock('/attacked/Hang');
      await peer.send(forStreams(10_000, (id) => Buffer.concat([headers(id, block), reset(id)])));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
  });

  it('is served when it is a caller that gives up 1,500 calls', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(resetCalls(1_500));
    expect(await peer.isServed()).toBe(true);
  });

  it('is served when as many of its calls end well', async () => {
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
