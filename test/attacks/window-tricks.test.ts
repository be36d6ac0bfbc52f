import { describe, expect, it } from 'vitest';
import { ErrorCode, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { SettingId } from '../../mesh/engines/native/http2/codec/settings.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
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
const maxWindow = 2 ** 31 - 1;
const initialWindow = (bytes: number) => settings([SettingId.INITIAL_WINDOW_SIZE, bytes]);

describe('a server with flow-control windows', () => {
  const target = attackedServer();

  it.each([
    ['a connection window beyond 2^31', windowUpdate(0, maxWindow), ErrorCode.FLOW_CONTROL_ERROR],
    ['WINDOW_UPDATE of 0 for the connection', windowUpdate(0, 0), ErrorCode.PROTOCOL_ERROR],
    ['an initial window beyond 2^31', initialWindow(2 ** 31), ErrorCode.FLOW_CONTROL_ERROR],
    [
      'SETTINGS that enlarge an open stream beyond 2^31',
      Buffer.concat([call(1, '/attacked/Hang'), windowUpdate(1, 1_000), initialWindow(maxWindow)]),
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    ['WINDOW_UPDATE of an unopened stream', windowUpdate(1, 1), ErrorCode.PROTOCOL_ERROR],
  ])('closes the connection on %s', async (_, frames, code) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.closed;
      expect(peer.goaway).toBe(code);
    });
  });

  it('resets only the stream whose window exceeds 2^31', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(call(1, '/attacked/Hang'), windowUpdate(1, maxWindow));
    expect(await peer.isServed()).toBe(true);
    expect(peer.resetOf(1)).toBe(ErrorCode.FLOW_CONTROL_ERROR);
  });

  it('keeps no connection after a thousand windows beyond 2^31 (CVE-2026-21714)', async () => {
    const { sockets } = await target.state();
    await target.attack(async (port) => {
      for (let time = 0; time < 1_000; time += 1) {
        using peer = await RawPeer.connect(port);
        await peer.send(windowUpdate(0, maxWindow));
        await peer.closed;
      }
    });
    await eventually(async () => expect((await target.state()).sockets).toBeLessThanOrEqual(sockets));
  });

  it('holds back a response, but not its handler, while the window is 0, and sends it byte by byte', async () => {
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

  it('uses little processor time for windows of a thousand streams that open and close', async () => {
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

  it('closes a connection that exceeds its window, and keeps nothing', async () => {
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

  it('resets only a stream that exceeds its window', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(headers(1, requestBlock('/attacked/Unread')));
    const piece = data(1, message(Buffer.alloc(16_379)));
    // One more than its window of 256 KiB allows.
    await peer.send(repeated(17, piece), call(3, '/attacked/Echo', Buffer.of(1)));
    expect(await peer.isServed()).toBe(true);
    expect(peer.resetOf(1)).toBe(ErrorCode.FLOW_CONTROL_ERROR);
    expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(2);
  });
});
