import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { call, hello, settings } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const manyTimes = 1_000;

/** What a client sends before it disconnects. */
const beginnings: readonly [what: string, begin: Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['half a preface', hello.subarray(0, 12)],
  ['a preface and nothing else', hello.subarray(0, 24)],
  ['half a frame', hello.subarray(0, 30)],
  ['a handshake', hello],
  ['a call', Buffer.concat([hello, call(1, '/attacked/Echo', Buffer.alloc(100))])],
  ['a running call', Buffer.concat([hello, call(1, '/attacked/Hang')])],
];

describe('a server with short connections', () => {
  const target = attackedServer();

  it.each(beginnings)('keeps nothing of connections that end after %s', async (_, begin) => {
    const before = await target.state();
    const keptBefore = await target.keptBytes();
    await target.attack(async (port) => {
      for (let time = 0; time < manyTimes; time += 1) {
        using peer = await RawPeer.connect(port, begin);
        if (begin.length > 40) await peer.isServed();
      }
    });
    await eventually(async () => {
      const { sockets, running } = await target.state();
      expect({ sockets, running }).toEqual({ sockets: before.sockets, running: 0 });
      // 2 KiB per connection would be a leak; less is warm-up.
      expect((await target.keptBytes()) - keptBefore).toBeLessThan(2 * mib);
    });
  });

  it.each([
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
    ['a TLS ClientHello', Buffer.from('16030100c8010000c40303', 'hex')],
    ['a preface with a wrong byte', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r')],
    ['a frame instead of a preface', settings()],
    ['zeros', Buffer.alloc(10_000)],
  ])('immediately closes a connection that starts with %s', async (_, begin) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, begin);
      await peer.closed;
    });
  });

  it.each([
    ['HEADERS before SETTINGS', call(1, '/attacked/Echo'), ErrorCode.PROTOCOL_ERROR],
    ['a frame of 16 MiB', Buffer.from('ffffff000000000001', 'hex'), ErrorCode.FRAME_SIZE_ERROR],
    ['SETTINGS of 16 MiB', Buffer.from('ffffff040000000000', 'hex'), ErrorCode.FRAME_SIZE_ERROR],
    ['half a setting', Buffer.from('00000104000000000000', 'hex'), ErrorCode.FRAME_SIZE_ERROR],
  ])('sends GOAWAY to a connection that starts with %s', async (_, frames, code) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello.subarray(0, 24), frames]));
      await peer.closed;
      expect(peer.goaway).toBe(code);
    });
  });
});
