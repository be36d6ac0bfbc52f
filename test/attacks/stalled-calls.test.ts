import { afterEach, describe, expect, it } from 'vitest';
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
  requestBlock,
  settings,
  windowUpdate,
} from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const shortMs = 300;
const block = requestBlock('/attacked/Echo');
const target = attackedServer('native', {
  patience: { handshakeMs: shortMs, headersMs: shortMs, answerMs: shortMs },
  requestTimeoutMs: shortMs,
});

describe('a server whose peer does not accept responses', () => {
  afterEach(() => eventually(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib)));

  it.each([
    ['nothing', (_: RawPeer) => undefined],
    ['PINGs', (peer: RawPeer) => void peer.isServed()],
    [
      'WINDOW_UPDATE for the connection, but not for the streams',
      (peer: RawPeer) => void peer.send(windowUpdate(0, 1)),
    ],
  ])('resets the streams and discards the responses, even if the peer sends %s', async (_, keepUp) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello, settings([SettingId.INITIAL_WINDOW_SIZE, 0])]));
      await peer.send(forStreams(20, (id) => call(id, '/attacked/Large', Buffer.from(`${mib}`))));
      const keeping = setInterval(() => keepUp(peer), shortMs / 10);
      await eventually(async () => expect(peer.of(FrameType.RST_STREAM)).toHaveLength(20));
      clearInterval(keeping);
      await eventually(async () => expect(await target.keptBytes()).toBeLessThan(4 * mib));
      await peer.send(call(41, '/attacked/Echo'), windowUpdate(41, 99));
      expect(await peer.isServed()).toBe(true);
      expect(peer.of(FrameType.HEADERS, 41)).toHaveLength(2);
    });
  });
});

describe('a server that receives incomplete requests', () => {
  it.each([
    ['no message', Buffer.alloc(0)],
    ['half a prefix', data(1, Buffer.of(0, 0))],
    ['half a message', data(1, message(Buffer.alloc(10), 20))],
    ['a message without END_STREAM', data(1, message(Buffer.alloc(10)))],
  ])('ends a call with %s after a while', async (_, begin) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headers(1, block), begin);
      await eventually(async () => expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(1));
      const [answer] = peer.of(FrameType.HEADERS, 1);
      expect(answer?.payload.toString('latin1')).toContain('grpc-status\x014');
      expect(peer.resetOf(1)).toBe(ErrorCode.NO_ERROR);
    });
  });

  it('ends a thousand incomplete calls to make room for others', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(forStreams(1_000, (id) => headers(id, block)));
      await eventually(async () => expect(peer.of(FrameType.RST_STREAM)).toHaveLength(1_000));
      await peer.send(call(2_001, '/attacked/Echo'));
      expect(await peer.isServed()).toBe(true);
      expect(peer.of(FrameType.HEADERS, 2_001)).toHaveLength(2);
    });
  });

  it('does not end a call whose handler is slow', async () => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(call(1, '/attacked/Hang'), headers(3, block));
      await eventually(async () => expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(1));
      expect(peer.frames.filter(({ streamId }) => streamId === 1)).toEqual([]);
    });
  });
});
