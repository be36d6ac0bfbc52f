import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import {
  call,
  data,
  forStreams,
  frame,
  goaway,
  headers,
  hello,
  ping,
  repeated,
  requestBlock,
  reset,
  settings,
  windowUpdate,
} from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const block = requestBlock('/attacked/Hang');
const upperCase = requestBlock('/attacked/Hang', 'X-Upper', 'a');
const openStream = headers(1, requestBlock('/attacked/Count'));
const none = Buffer.alloc(0);

/** The reason, and what a peer sends first and then repeats until Node ends the connection. */
const floods: readonly [reason: string, what: string, first: Buffer, frames: (round: number) => Buffer][] = [
  [
    'protocol_error',
    'resets its calls',
    none,
    inRounds((id) => Buffer.concat([call(id, '/attacked/Hang'), reset(id)])),
  ],
  [
    'protocol_error',
    'makes faults in its calls',
    none,
    inRounds((id) => Buffer.concat([call(id, '/attacked/Hang'), windowUpdate(id, 0)])),
  ],
  ['too_many_faults', 'sends malformed requests', none, inRounds((id) => headers(id, upperCase, Flag.END_STREAM))],
  ['too_many_faults', 'sends empty DATA', openStream, () => repeated(500, data(1, none))],
  ['unread_answers', 'sends SETTINGS', none, () => repeated(500, settings())],
  ['protocol_error', 'sends PRIORITY', none, () => repeated(500, frame(FrameType.PRIORITY, 0, 9, Buffer.alloc(5)))],
];

function inRounds(frames: (streamId: number) => Buffer): (round: number) => Buffer {
  return (round) => forStreams(500, frames, 1 + 1_000 * round);
}

describe('a server on grpc-js', () => {
  const target = attackedServer('grpc-js');

  it.each(floods)('reports %s for a client that %s too often', async (reason, _, first, frames) => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello, first]));
      await peer.flood(40, frames);
      await peer.closed;
    });
    expect(ended).toEqual({ [reason]: 1 });
  });

  it('reports unread_answers for a client that causes answers and reads none', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello, openStream]));
      peer.stopReading();
      await peer.flood(2_000, repeated(1_000, Buffer.concat([data(1, Buffer.of(0)), repeated(4, ping())])));
      peer.resumeReading();
      await peer.closed;
    });
    expect(ended).toEqual({ unread_answers: 1 });
  });

  it('reports no_settings for clients that send nothing, or only the preface, for 10 s', async () => {
    const { ended } = await target.attack(async (port) => {
      using silent = await RawPeer.connect(port, none);
      using begun = await RawPeer.connect(port, hello.subarray(0, 24));
      await Promise.all([silent.closed, begun.closed]);
    });
    expect(ended).toEqual({ no_settings: 2 });
  }, 30_000);

  it('ends a connection whose client breaks the protocol after its GOAWAY, and not that of a correct one', async () => {
    const leaving = Buffer.concat([hello, call(1, '/attacked/Hang'), goaway(0, ErrorCode.NO_ERROR)]);
    const { ended } = await target.attack(async (port) => {
      using correct = await RawPeer.connect(port, leaving);
      using faulty = await RawPeer.connect(port, Buffer.concat([leaving, data(0, Buffer.of(0))]));
      await correct.until(() => correct.of(FrameType.SETTINGS).filter(({ flags }) => flags === 0).length === 2);
      await correct.send(repeated(2, frame(FrameType.SETTINGS, Flag.ACK, 0, none)));
      await faulty.closed;
      expect(await correct.isServed()).toBe(true);
    });
    expect(ended).toEqual({ protocol_error: 1 });
  }, 40_000);

  it('refuses metadata above 16 KiB with a status, and counts it', async () => {
    const { refused } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      // HPACK counts 32 bytes more for each field.
      await peer.send(headers(1, requestBlock('/attacked/Echo', 'x-large', 'a'.repeat(16_000)), Flag.END_STREAM));
      await peer.until(() => peer.of(FrameType.HEADERS).length === 1);
    });
    expect(refused).toEqual({ metadata_too_large: 1 });
  });

  it('reports no calls that Node refuses: malformed ones, and those above the limit of streams', async () => {
    const { ended, refused } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headers(1, requestBlock('/attacked/Echo', 'grpc-encoding', 'zip')));
      await peer.send(headers(3, upperCase, Flag.END_STREAM));
      await peer.send(forStreams(1_010, (id) => headers(id, block), 5));
      expect(await peer.isServed()).toBe(true);
      expect(peer.of(FrameType.RST_STREAM).length).toBeGreaterThan(10);
    });
    expect(refused).toEqual({ unknown_encoding: 1 });
    expect(ended).toEqual({});
  });
});

describe('a server on grpc-js whose peer is gone', () => {
  // Longer than a pause of the machine, in which the client that is not gone answers no PING either.
  const target = attackedServer('grpc-js', { patience: { pingEveryMs: 300, pingTimeoutMs: 2_000 } });

  it('closes the connection, ends its calls, and reports no_ping_answer', async () => {
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(forStreams(100, (id) => call(id, '/attacked/Hang')));
      await peer.closed;
    });
    expect(ended).toEqual({ no_ping_answer: 1 });
    await eventually(async () => expect((await target.state()).running).toBe(0));
  });
});
