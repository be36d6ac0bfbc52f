import { describe, expect, it } from 'vitest';
import { ErrorCode, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { Setting } from '../../mesh/engines/native/http2/codec/settings.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer, settles } from './support/attack.ts';
import {
  call,
  data,
  forStreams,
  headers,
  hello,
  message,
  repeated,
  requestBlock,
  settings,
  windowUpdate,
} from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const greatest = 2 ** 31 - 1;
const initialWindow = (bytes: number) => settings([Setting.INITIAL_WINDOW_SIZE, bytes]);

describe('a window', () => {
  const target = attackedServer();

  it.each([
    ['of the connection beyond 2^31', windowUpdate(0, greatest), ErrorCode.FLOW_CONTROL_ERROR],
    ['of the connection, larger by 0', windowUpdate(0, 0), ErrorCode.PROTOCOL_ERROR],
    ['of streams beyond 2^31', initialWindow(2 ** 31), ErrorCode.FLOW_CONTROL_ERROR],
    [
      'of an open stream beyond 2^31, by SETTINGS',
      Buffer.concat([call(1, '/attacked/Hang'), windowUpdate(1, 1_000), initialWindow(greatest)]),
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    ['of a stream that was not opened', windowUpdate(1, 1), ErrorCode.PROTOCOL_ERROR],
  ])('%s ends the connection', async (_, frames, code) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.closed;
      expect(peer.goaway).toBe(code);
    });
  });

  it('of a stream beyond 2^31 ends that stream alone', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(call(1, '/attacked/Hang'), windowUpdate(1, greatest));
    expect(await peer.isServed()).toBe(true);
    expect(peer.resetOf(1)).toBe(ErrorCode.FLOW_CONTROL_ERROR);
  });

  it('of the connection beyond 2^31, on a thousand connections, leaves none of them (CVE-2026-21714)', async () => {
    const { sockets } = await target.state();
    await target.attack(async (port) => {
      for (let time = 0; time < 1_000; time += 1) {
        using peer = await RawPeer.connect(port);
        await peer.send(windowUpdate(0, greatest));
        await peer.closed;
      }
    });
    await settles(async () => expect((await target.state()).sockets).toBeLessThanOrEqual(sockets));
  });

  it('of 0 holds the answer, not its call, until it is opened a byte at a time', async () => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, initialWindow(0)]));
    await peer.send(call(1, '/attacked/Large', Buffer.from('20')));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.DATA)).toEqual([]);
    for (let bytes = 0; bytes < 24; bytes += 1) await peer.send(windowUpdate(1, 1));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(1);
    await peer.send(windowUpdate(1, 1));
    await eventually(() => expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(2));
    expect(Buffer.concat(peer.of(FrameType.DATA).map(({ payload }) => payload))).toHaveLength(25);
  });

  it('that opens and closes over a thousand streams costs little', async () => {
    const { cpuMs: before } = await target.state();
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello, initialWindow(0)]));
      await peer.send(forStreams(1_000, (id) => call(id, '/attacked/Large', Buffer.from('9'))));
      expect(await peer.isServed()).toBe(true);
      for (let time = 0; time < 900; time += 1) await peer.send(initialWindow(1), initialWindow(0));
      await peer.isServed();
    });
    expect((await target.state()).cpuMs - before).toBeLessThan(4_000);
  });

  it('of the server that is overrun ends the connection, and keeps nothing', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const piece = message(Buffer.alloc(16_379));
      await peer.send(forStreams(900, (id) => headers(id, requestBlock('/attacked/Unread'))));
      for (let round = 0; round < 20; round += 1) await peer.send(forStreams(900, (id) => data(id, piece)));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.FLOW_CONTROL_ERROR);
    });
    expect(await target.keptBytes()).toBeLessThan(8 * mib);
  });

  it('of a stream of the server that is overrun ends that stream alone', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(headers(1, requestBlock('/attacked/Unread')));
    const piece = data(1, message(Buffer.alloc(16_379)));
    // One more than its window of 256 KiB takes.
    await peer.send(repeated(17, piece), call(3, '/attacked/Echo', Buffer.of(1)));
    expect(await peer.isServed()).toBe(true);
    expect(peer.resetOf(1)).toBe(ErrorCode.FLOW_CONTROL_ERROR);
    expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(2);
  });
});
