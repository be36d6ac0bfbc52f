import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { call, forStreams, frame, hello, requestBlock } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const shortMs = 300;
const block = requestBlock('/attacked/Echo');
const target = attackedServer('native', {
  patience: { handshakeMs: shortMs, headersMs: shortMs, answerMs: shortMs },
  requestTimeoutMs: shortMs,
});

describe('a server whose peer does not finish the handshake', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', hello.subarray(0, 1)],
    ['half a preface', hello.subarray(0, 12)],
    ['a preface alone', hello.subarray(0, 24)],
    ['a preface and half of SETTINGS', hello.subarray(0, 30)],
  ])('closes five hundred connections that sent %s after a while', async (_, begin) => {
    const { sockets } = await target.state();
    const { ended } = await target.attack(async (port) => {
      using peers = new DisposableStack();
      const all: RawPeer[] = [];
      for (let count = 0; count < 500; count += 1) all.push(peers.use(await RawPeer.connect(port, begin)));
      await Promise.all(all.map(({ closed }) => closed));
    });
    expect(ended).toEqual({ no_settings: 500 });
    await eventually(async () => expect((await target.state()).sockets).toBeLessThanOrEqual(sockets));
  });

  it('closes a connection that sends its preface byte by byte', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.alloc(0));
      let sent = 0;
      const dripping = setInterval(() => void peer.send(hello.subarray(sent, ++sent)), shortMs / 10);
      await peer.closed;
      clearInterval(dripping);
      expect(sent).toBeLessThan(hello.length);
    });
    expect(ended).toEqual({ no_settings: 1 });
  });
});

describe('a server whose peer does not finish a header block', () => {
  it('sends GOAWAY and closes the connection', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frame(FrameType.HEADERS, Flag.END_STREAM, 1, block));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(ended).toEqual({ slow_headers: 1 });
  });
});

describe('a server whose peer is gone', () => {
  // Longer than a pause of the machine, in which the client that is not gone answers no PING either.
  const target = attackedServer('native', { patience: { pingEveryMs: shortMs, pingTimeoutMs: 2_000 } });

  it('closes the connection and ends its calls', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(forStreams(100, (id) => call(id, '/attacked/Hang')));
      expect(await peer.isServed()).toBe(true);
      await peer.closed;
    });
    expect(ended).toEqual({ no_ping_answer: 1 });
    await eventually(async () => expect((await target.state()).running).toBe(0));
  });
});
