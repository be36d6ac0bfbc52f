import { describe, expect, it } from 'vitest';
import { Flag } from '../../mesh/engines/native/http2/codec/frames.ts';
import { SettingId } from '../../mesh/engines/native/http2/codec/settings.ts';
import { createHpackEncoder } from '../../mesh/engines/native/http2/hpack/encoder.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
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
const maxWindow = 2 ** 31 - 1;
/** Windows so large that only the socket limits the server. */
const openWindow = Buffer.concat([
  hello,
  settings([SettingId.INITIAL_WINDOW_SIZE, maxWindow]),
  windowUpdate(0, maxWindow - 65_535),
]);
const closedWindow = Buffer.concat([hello, settings([SettingId.INITIAL_WINDOW_SIZE, 0])]);

type Frames = Parameters<RawPeer['flood']>[1];

describe('a server whose peers do not read', () => {
  const target = attackedServer();

  /** Checks the server's memory while connections send frames and read nothing, and after they close. */
  async function expectBounded(connections: number, begin: Buffer, frames: Frames, times: number, maxBytes: number) {
    const ends = await target.attack(async (port) => {
      using peers = new DisposableStack();
      const all: RawPeer[] = [];
      for (let count = 0; count < connections; count += 1) {
        const peer = peers.use(await RawPeer.connect(port, begin));
        all.push(peer);
        peer.stopReading();
        // If the server stops reading too, this waits until the peer disconnects.
        void peer.flood(times, frames);
      }
      expect(await bytesAtStandstill(all)).toBeLessThan(maxBytes);
    });
    await eventually(async () => {
      expect(await target.keptBytes()).toBeLessThan(8 * mib);
      expect((await target.state()).running).toBe(0);
    });
    return ends;
  }

  /** Returns the server's memory once nothing is sent and nothing changes. */
  async function bytesAtStandstill(peers: readonly RawPeer[]): Promise<number> {
    let last = { sent: 0, kept: 0 };
    const check = async () => {
      const before = last;
      last = { sent: peers.reduce((sum, { sentBytes }) => sum + sentBytes, 0), kept: await target.keptBytes() };
      expect(last.sent).toBe(before.sent);
      expect(Math.abs(last.kept - before.kept)).toBeLessThan(mib / 8);
    };
    await eventually(check, { timeoutMs: 20_000, intervalMs: 250 });
    return last.kept;
  }

  it('uses little memory for a thousand endless responses, and frees it when the peers disconnect', async () => {
    const calls = forStreams(100, (id) => call(id, '/attacked/Endless'));
    await expectBounded(10, openWindow, calls, 1, 100 * mib);
    await expectBounded(10, closedWindow, calls, 1, 100 * mib);
  });

  it.each([
    ['open windows', openWindow],
    ['closed windows', closedWindow],
  ])('stops producing responses of 1 MiB, with %s', async (_, begin) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, begin);
      peer.stopReading();
      for (let round = 0; round < 20; round += 1) {
        await peer.send(forStreams(50, (id) => call(id, '/attacked/Large', Buffer.from(`${mib}`)), 1 + 100 * round));
        // By then it has answered these calls, or on a busy machine the previous ones.
        await target.state();
      }
      // It answers 50 or 100 calls at a time, so it may exceed the 32 MiB after which it accepts no more.
      expect(await target.keptBytes()).toBeLessThan(200 * mib);
    });
    await eventually(async () => expect(await target.keptBytes()).toBeLessThan(8 * mib));
  });

  it('uses little memory for acknowledgements of PINGs among DATA', async () => {
    const some = Buffer.concat([data(1, Buffer.of(0)), repeated(4, ping())]);
    const begin = Buffer.concat([hello, headers(1, requestBlock('/attacked/Count'))]);
    const { ended } = await expectBounded(1, begin, repeated(1_000, some), 2_000, 8 * mib);
    expect(ended).toEqual({ unread_answers: 1 });
  });

  it('uses little memory for error responses', async () => {
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
    // A few bytes, because the fields are in the table.
    const known = encoder.encode(fields);
    const refused = (time: number) => forStreams(500, (id) => headers(id, known, Flag.END_STREAM), 3 + 1_000 * time);
    await expectBounded(1, begin, refused, 400, 8 * mib);
  });
});
