import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { SettingId } from '../../mesh/engines/native/http2/codec/settings.ts';
import { attackedServer } from './support/attack.ts';
import {
  call,
  data,
  frame,
  headers,
  hello,
  ping,
  repeated,
  requestBlock,
  reset,
  settings,
  uint32,
  windowUpdate,
} from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const openStream = headers(1, requestBlock('/attacked/Count'));
const oneByteWindows = settings([SettingId.INITIAL_WINDOW_SIZE, 0]);
/** A stream that the server resets, because of an invalid WINDOW_UPDATE. */
const resetByServer = Buffer.concat([call(1, '/attacked/Hang'), windowUpdate(1, 0)]);
const pong = frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8));
const goaway = frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8));
const onlyPadding = Buffer.concat([Buffer.of(10), Buffer.alloc(10)]);

/** What a peer sends first, and the frame that it then repeats. */
const floods: readonly [what: string, first: Buffer, flood: Buffer][] = [
  ['PING (CVE-2019-9512)', Buffer.alloc(0), ping()],
  ['SETTINGS (CVE-2019-9515)', Buffer.alloc(0), settings()],
  ['SETTINGS that change windows', openStream, settings([SettingId.INITIAL_WINDOW_SIZE, 10])],
  ['PRIORITY (CVE-2019-9513)', openStream, frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5))],
  ['PRIORITY of unopened streams', Buffer.alloc(0), frame(FrameType.PRIORITY, 0, 9, Buffer.alloc(5))],
  ['empty DATA (CVE-2019-9518)', openStream, data(1, Buffer.alloc(0))],
  ['DATA with only padding', openStream, data(1, onlyPadding, Flag.PADDED)],
  ['WINDOW_UPDATE', Buffer.alloc(0), windowUpdate(0, 1)],
  ['WINDOW_UPDATE of a stream', openStream, windowUpdate(1, 1)],
  [
    'WINDOW_UPDATE of one byte (CVE-2019-9511)',
    Buffer.concat([oneByteWindows, call(1, '/attacked/Large', Buffer.from('1000000'))]),
    windowUpdate(1, 1),
  ],
  ['frames of unknown types', Buffer.alloc(0), frame(0xfa, 0, 0, uint32(0))],
  ['unsolicited PING acknowledgements', Buffer.alloc(0), pong],
  ['unsolicited SETTINGS acknowledgements', Buffer.alloc(0), frame(FrameType.SETTINGS, Flag.ACK, 0)],
  ['GOAWAY', Buffer.alloc(0), goaway],
  ['DATA of a reset stream', resetByServer, data(1, Buffer.alloc(0))],
  ['HEADERS of a reset stream', resetByServer, headers(1, Buffer.alloc(0))],
  ['RST_STREAM of a reset stream', resetByServer, reset(1)],
];

describe('a server that receives useless frames', () => {
  const target = attackedServer();

  it.each(floods)('closes the connection after a flood of %s', async (_, first, flood) => {
    const { cpuMs: before } = await target.state();
    const { ended } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port, Buffer.concat([hello, first]));
      expect(await peer.isServed()).toBe(true);
      await peer.flood(100, repeated(500, flood));
      // It has processed all of it or closed the connection.
      expect(await peer.isServed()).toBe(false);
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(ended).toEqual({ too_many_idle_frames: 1 });
    const { cpuMs } = await target.state();
    expect(cpuMs - before).toBeLessThan(2_000);
  });

  it.each(floods)('serves a connection with little %s', async (_, first, flood) => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, first]));
    await peer.send(repeated(100, flood));
    expect(await peer.isServed()).toBe(true);
  });
});

describe('a server that receives useless frames among calls', () => {
  const target = attackedServer();

  it('serves the connection as long as there are calls', async () => {
    using peer = await RawPeer.connect(target.port);
    for (let round = 0; round < 3_000; round += 1) {
      await peer.send(call(1 + 2 * round, '/attacked/Echo'), ping(), windowUpdate(0, 9), settings());
    }
    expect(await peer.isServed()).toBe(true);
  });
});
