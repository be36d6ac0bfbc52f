import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../mesh/engines/native/http2/codec/literal-fields.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { attackedServer } from './support/attack.ts';
import { call, data, forStreams, frame, headers, requestBlock, uint32, windowUpdate } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';
import { wires } from './support/wire.ts';

const weight = Buffer.of(16);

/** Frames that make the server reset the stream of a running call. */
const faults: readonly [what: string, fault: (streamId: number) => Buffer][] = [
  ['WINDOW_UPDATE of 0', (id) => windowUpdate(id, 0)],
  ['a window beyond 2^31', (id) => windowUpdate(id, 2 ** 31 - 1)],
  ['DATA after the end of the request', (id) => data(id, Buffer.of(0), Flag.END_STREAM)],
  ['HEADERS after the end of the request', (id) => headers(id, requestBlock('/attacked/Hang'), Flag.END_STREAM)],
  ['PRIORITY of the wrong size', (id) => frame(FrameType.PRIORITY, 0, id, uint32(0))],
  ['a stream that depends on itself', (id) => frame(FrameType.PRIORITY, 0, id, Buffer.concat([uint32(id), weight]))],
];

/** Requests that the server resets before a handler runs. */
const malformed: readonly [what: string, request: (streamId: number) => Buffer][] = [
  ['upper-case names', (id) => headers(id, requestBlock('/attacked/Hang', 'X-Upper', 'a'), Flag.END_STREAM)],
  ['an empty name (CVE-2019-9516)', (id) => headers(id, requestBlock('/attacked/Hang', '', ''), Flag.END_STREAM)],
  ['no path', (id) => headers(id, literalFields([':method', 'POST', ':scheme', 'http']), Flag.END_STREAM)],
  [
    'a wrong content-length',
    (id) => headers(id, requestBlock('/attacked/Hang', 'content-length', '9'), Flag.END_STREAM),
  ],
];

describe.each(wires)('a server that is made to reset calls (CVE-2025-8671), over %s', (wire) => {
  const target = attackedServer('native', {}, wire);

  async function expectClosed(frames: Buffer) {
    const { handlerRuns: before } = await target.state();
    const { ended, refused } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(frames);
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    });
    expect(ended).toEqual({ too_many_faults: 1 });
    const { handlerRuns } = await target.state();
    return { runs: handlerRuns - before, refused };
  }

  it.each(faults)('closes the connection after 100 calls with %s, and runs few handlers', async (_, fault) => {
    const frames = forStreams(5_000, (id) => Buffer.concat([call(id, '/attacked/Hang'), fault(id)]));
    const { runs } = await expectClosed(frames);
    expect(runs).toBeGreaterThan(10);
    expect(runs).toBeLessThanOrEqual(250);
    await eventually(async () => expect((await target.state()).running).toBe(0));
  });

  it.each(malformed)('closes the connection after many requests with %s, and runs no handler', async (_, request) => {
    const { runs, refused } = await expectClosed(forStreams(5_000, request));
    expect(runs).toBe(0);
    expect(refused.malformed_fields).toBeGreaterThan(100);
  });

  it.each(faults)('serves a connection with few calls with %s', async (_, fault) => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(forStreams(20, (id) => Buffer.concat([call(id, '/attacked/Hang'), fault(id)])));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.RST_STREAM)).toHaveLength(20);
  });
});
