import { afterEach, describe, expect, it } from 'vitest';
import { FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { call, data, forStreams, headers, message, requestBlock, windowUpdate } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const block = requestBlock('/attacked/Echo');

describe('a server whose peers do not finish their messages', () => {
  const target = attackedServer();
  // All memory is freed when the peers disconnect.
  afterEach(() => eventually(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib)));

  it('allocates no memory for announced lengths', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const announced = message(Buffer.of(0), 4 * mib);
      await peer.send(forStreams(900, (id) => Buffer.concat([headers(id, block), data(id, announced)])));
      expect(await peer.isServed()).toBe(true);
      // 3.5 GiB are announced.
      expect(await target.keptBytes()).toBeLessThan(64 * mib);
    });
  });

  it.each(['/attacked/Echo', '/attacked/Count'])(
    'uses little memory for partial messages to %s on one connection',
    async (path) => {
      await target.attack(async (port) => {
        using peer = await RawPeer.connect(port);
        const piece = Buffer.alloc(16_384);
        const first = (id: number) =>
          Buffer.concat([headers(id, requestBlock(path)), data(id, message(piece.subarray(5), 4 * mib))]);
        await peer.send(forStreams(100, first));
        // 300 MiB, within the server's windows.
        for (let round = 0; round < 190; round += 1) {
          await peer.send(forStreams(100, (id) => data(id, piece)));
          if (!(await peer.isServed())) break;
        }
        expect(await target.keptBytes()).toBeLessThan(64 * mib);
      });
    },
  );

  it('uses little memory for empty messages that its handler does not read', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headers(1, requestBlock('/attacked/Unread')));
      // 1.6 million messages in 8 MiB.
      for (let round = 0; round < 500; round += 1) {
        await peer.send(data(1, Buffer.alloc(16_380)));
        if (!(await peer.isServed()) || peer.resetOf(1) !== undefined) break;
      }
      expect(await target.keptBytes()).toBeLessThan(16 * mib);
    });
  });

  it('still accepts a large message', async () => {
    using peer = await RawPeer.connect(target.port);
    const whole = message(Buffer.alloc(4 * mib));
    await peer.send(windowUpdate(0, 2 ** 30), headers(1, block));
    for (let at = 0; at < whole.length; at += 16_384) {
      await peer.send(data(1, whole.subarray(at, at + 16_384), at + 16_384 >= whole.length ? 1 : 0));
      if (at % (64 * 1024) === 0) await peer.isServed();
    }
    await peer.send(windowUpdate(1, 2 ** 30));
    await eventually(() => expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(2));
  });

  it('refuses streams beyond the limit of open streams', async () => {
    const { refused } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(forStreams(1_050, (id) => headers(id, block)));
      expect(await peer.isServed()).toBe(true);
      expect(peer.of(FrameType.RST_STREAM)).toHaveLength(50);
      await peer.send(call(2_101, '/attacked/Echo'));
      expect(await peer.isServed()).toBe(true);
      expect(peer.resetOf(2_101)).toBe(7);
    });
    expect(refused).toEqual({ too_many_streams: 51 });
  });
});
