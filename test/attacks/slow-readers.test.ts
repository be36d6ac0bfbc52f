import { describe, expect, it, vi } from 'vitest';
import { Flag } from '../../mesh/engines/native/http2/codec/frames.ts';
import { Setting } from '../../mesh/engines/native/http2/codec/settings.ts';
import { createHpackEncoder } from '../../mesh/engines/native/http2/hpack/encoder.ts';
import { attackedServer, settles } from './support/attack.ts';
import {
  call,
  data,
  forStreams,
  headers,
  hello,
  ping,
  repeated,
  requestBlock,
  settings,
  windowUpdate,
} from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const greatest = 2 ** 31 - 1;
/** Windows that hold nothing back: only the socket does. */
const wideOpen = Buffer.concat([
  hello,
  settings([Setting.INITIAL_WINDOW_SIZE, greatest]),
  windowUpdate(0, greatest - 65_535),
]);
const shut = Buffer.concat([hello, settings([Setting.INITIAL_WINDOW_SIZE, 0])]);

type Frames = Parameters<RawPeer['flood']>[1];

describe('peers that do not read', () => {
  const target = attackedServer();

  /** Has connections that send something and read nothing, and asks how much memory that takes until they hang up. */
  async function expectBounded(connections: number, begin: Buffer, frames: Frames, times: number, mostBytes: number) {
    await target.attack(async (port) => {
      using peers = new DisposableStack();
      const all: RawPeer[] = [];
      for (let count = 0; count < connections; count += 1) {
        const peer = peers.use(await RawPeer.connect(port, begin));
        all.push(peer);
        peer.stopReading();
        // The server may stop to read as well: then this waits until the peer is gone.
        void peer.flood(times, frames);
      }
      expect(await bytesAtStandstill(all)).toBeLessThan(mostBytes);
    });
    await settles(async () => {
      expect(await target.keptBytes()).toBeLessThan(8 * mib);
      expect((await target.state()).running).toBe(0);
    });
  }

  /** What the server keeps when nothing is sent and nothing changes any more. */
  async function bytesAtStandstill(peers: readonly RawPeer[]): Promise<number> {
    let last = { sent: 0, kept: 0 };
    const look = async () => {
      const before = last;
      last = { sent: peers.reduce((sum, { sentBytes }) => sum + sentBytes, 0), kept: await target.keptBytes() };
      expect(last.sent).toBe(before.sent);
      expect(Math.abs(last.kept - before.kept)).toBeLessThan(mib / 8);
    };
    await vi.waitFor(look, { timeout: 20_000, interval: 250 });
    return last.kept;
  }

  it('of a thousand endless answers over ten connections take little memory, and leave it when they go', async () => {
    const calls = forStreams(100, (id) => call(id, '/attacked/Endless'));
    await expectBounded(10, wideOpen, calls, 1, 100 * mib);
    await expectBounded(10, shut, calls, 1, 100 * mib);
  });

  it.each([
    ['windows that are open', wideOpen],
    ['windows that are shut', shut],
  ])('of answers of 1 MiB have no more of them made, with %s', async (_, begin) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, begin);
      peer.stopReading();
      for (let round = 0; round < 20; round += 1) {
        await peer.send(forStreams(50, (id) => call(id, '/attacked/Large', Buffer.from(`${mib}`)), 1 + 100 * round));
        // By then it has answered them, or on a busy machine those before.
        await target.state();
      }
      // It answers 50 or 100 at a time, beyond the 32 MiB from which on it takes no more.
      expect(await target.keptBytes()).toBeLessThan(200 * mib);
    });
    await settles(async () => expect(await target.keptBytes()).toBeLessThan(8 * mib));
  });

  it('of answers to their PINGs, with DATA among them, take little memory', async () => {
    const some = Buffer.concat([data(1, Buffer.of(0)), repeated(4, ping())]);
    const begin = Buffer.concat([hello, headers(1, requestBlock('/attacked/Count'))]);
    await expectBounded(1, begin, repeated(1_000, some), 500, 8 * mib);
  });

  it('of refusals take little memory', async () => {
    const encoder = createHpackEncoder();
    const fields = [
      ':method',
      'POST',
      ':scheme',
      'http',
      ':path',
      '/attacked/None',
      'content-type',
      'application/grpc',
    ];
    const begin = Buffer.concat([hello, headers(1, encoder.encode(fields), Flag.END_STREAM)]);
    // A few bytes: the table has the fields.
    const known = encoder.encode(fields);
    const refused = (time: number) => forStreams(500, (id) => headers(id, known, Flag.END_STREAM), 3 + 1_000 * time);
    await expectBounded(1, begin, refused, 400, 8 * mib);
  });
});
