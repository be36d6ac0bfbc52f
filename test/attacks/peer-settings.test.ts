import { writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineNames } from '../../mesh/engines/engines.ts';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { SettingId } from '../../mesh/engines/native/http2/codec/settings.ts';
import { createHpackDecoder } from '../../mesh/engines/native/http2/hpack/decoder.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { nghttp2 } from '../../mesh/testing/servers/nghttp2.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { mustRun } from '../conformance/support/run-tool.ts';
import { attackedServer } from './support/attack.ts';
import { call, hello, message, settings, windowUpdate } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const tableSize = (...sizes: readonly number[]) =>
  settings(...sizes.map((bytes) => [SettingId.HEADER_TABLE_SIZE, bytes] as const));
const initialWindow = (bytes: number) => settings([SettingId.INITIAL_WINDOW_SIZE, bytes]);
const listSize = (bytes: number) => settings([SettingId.MAX_HEADER_LIST_SIZE, bytes]);

/** Returns the table size updates at the start of a block. */
function sizesIn(block: Buffer): number[] {
  const sizes: number[] = [];
  for (let at = 0; ((block[at] ?? 0) & 0xe0) === 0x20; ) {
    let size = (block[at++] ?? 0) & 0x1f;
    for (let shift = 0, more = size === 0x1f; more; shift += 7) {
      const byte = block[at++] ?? 0;
      size += (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    sizes.push(size);
  }
  return sizes;
}

describe('a server whose caller sends settings', () => {
  const target = attackedServer();

  /** Sends these bytes and a call. Returns the header blocks of the response: headers and trailers. */
  async function blocksOf(peer: RawPeer, streamId: number, ...before: Buffer[]): Promise<Buffer[]> {
    await peer.send(...before, call(streamId, '/attacked/Echo', Buffer.from('hello')));
    expect(await peer.isServed()).toBe(true);
    return peer.of(FrameType.HEADERS, streamId).map(({ payload }) => payload);
  }

  it.each([
    ['0', [tableSize(0)], [0]],
    ['a hundred bytes', [tableSize(100)], [100]],
    ['0, then the usual size, in one frame', [tableSize(0, 4_096)], [0, 4_096]],
    ['0, then 100, in two frames', [tableSize(0), tableSize(100)], [0, 100]],
    ['100, then 0', [tableSize(100), tableSize(0)], [0]],
    ['more than the usual size', [tableSize(65_536)], []],
  ])('starts only the next response with the new table size: %s', async (_, frames, sizes) => {
    using peer = await RawPeer.connect(target.port);
    expect((await blocksOf(peer, 1)).map(sizesIn)).toEqual([[], []]);
    expect((await blocksOf(peer, 3, ...frames)).map(sizesIn)).toEqual([sizes, []]);
    expect((await blocksOf(peer, 5)).map(sizesIn)).toEqual([[], []]);
  });

  it('follows each change of the table size', async () => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, tableSize(0)]));
    expect((await blocksOf(peer, 1)).map(sizesIn)).toEqual([[0], []]);
    expect((await blocksOf(peer, 3, tableSize(50))).map(sizesIn)).toEqual([[50], []]);
    expect((await blocksOf(peer, 5, tableSize(9_999))).map(sizesIn)).toEqual([[4_096], []]);
    expect((await blocksOf(peer, 7, tableSize(0))).map(sizesIn)).toEqual([[0], []]);
  });

  it('follows the table size in an error response', async () => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, tableSize(0)]));
    await peer.send(call(1, '/attacked/Unknown'));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.HEADERS, 1).map(({ payload }) => sizesIn(payload))).toEqual([[0]]);
  });

  it('omits the status text, but not the code, if the header list must be short', async () => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, listSize(200)]));
    const decoder = createHpackDecoder({ maxHeaderListBytes: 9_999 });
    await peer.send(call(1, '/attacked/Unknown'));
    expect(await peer.isServed()).toBe(true);
    const [block] = peer.of(FrameType.HEADERS, 1);
    const list = decoder.decode(block?.payload ?? Buffer.alloc(0));
    expect(list.fields.slice(-2)).toEqual(['grpc-status', '12']);
    expect(list.bytes).toBeLessThanOrEqual(200);
  });

  it.each([
    [16_384, 16_384],
    [100_000, 100_000],
  ])('sends no frame larger than the limit of %i bytes', async (maxFrameBytes, maxSent) => {
    const begin = Buffer.concat([hello, settings([SettingId.MAX_FRAME_SIZE, maxFrameBytes], [4, 2 ** 20])]);
    using peer = await RawPeer.connect(target.port, Buffer.concat([begin, windowUpdate(0, 2 ** 20)]));
    await peer.send(call(1, '/attacked/Large', Buffer.from('300000')));
    await eventually(() => expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(2));
    expect(Math.max(...peer.of(FrameType.DATA, 1).map(({ payload }) => payload.length))).toBe(maxSent);
  });

  it('follows changes of the initial window during a response', async () => {
    using peer = await RawPeer.connect(target.port, Buffer.concat([hello, initialWindow(10_000)]));
    const bytes = () => peer.of(FrameType.DATA, 1).reduce((sum, { payload }) => sum + payload.length, 0);
    await peer.send(call(1, '/attacked/Large', Buffer.from('50000')));
    await eventually(() => expect(bytes()).toBe(10_000));
    // The window is at -9,000 now, then at 0, then at 11,000.
    await peer.send(initialWindow(1_000), windowUpdate(1, 9_000));
    expect(await peer.isServed()).toBe(true);
    expect(bytes()).toBe(10_000);
    await peer.send(initialWindow(12_000));
    await eventually(() => expect(bytes()).toBe(21_000));
    await peer.send(initialWindow(65_535));
    await eventually(() => expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(2));
    expect(bytes()).toBe(50_005);
  });

  it.each([
    ['ENABLE_PUSH of 2', [SettingId.ENABLE_PUSH, 2], ErrorCode.PROTOCOL_ERROR],
    ['MAX_FRAME_SIZE below 16,384', [SettingId.MAX_FRAME_SIZE, 16_383], ErrorCode.PROTOCOL_ERROR],
    ['MAX_FRAME_SIZE beyond 2^24', [SettingId.MAX_FRAME_SIZE, 2 ** 24], ErrorCode.PROTOCOL_ERROR],
    ['INITIAL_WINDOW_SIZE beyond 2^31', [SettingId.INITIAL_WINDOW_SIZE, 2 ** 31], ErrorCode.FLOW_CONTROL_ERROR],
  ] as const)('closes the connection on %s', async (_, setting, code) => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(settings(setting));
    await peer.closed;
    expect(peer.goaway).toBe(code);
  });

  it('acknowledges settings that are unknown or unchanged', async () => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(settings([SettingId.ENABLE_PUSH, 1], [SettingId.MAX_CONCURRENT_STREAMS, 0], [0xf00d, 7]));
    expect((await blocksOf(peer, 1)).length).toBe(2);
    expect(peer.of(FrameType.SETTINGS).filter(({ flags }) => (flags & Flag.ACK) !== 0)).toHaveLength(2);
  });
});

describe.each(engineNames)('a server on %s whose client has no header table', (engine) => {
  const target = attackedServer(engine);

  it('serves Node, even if it changes its table size between calls', async () => {
    const session = connect(`http://127.0.0.1:${target.port}`, { settings: { headerTableSize: 0 } });
    const faults: unknown[] = [];
    session.on('error', (error) => faults.push(error));
    for (const headerTableSize of [0, 0, 100, 4_096, 0]) {
      await new Promise<void>((resolve) => session.settings({ headerTableSize }, () => resolve()));
      const stream = session.request({
        ':method': 'POST',
        ':path': '/attacked/Echo',
        'content-type': 'application/grpc',
      });
      stream.end(message(Buffer.from('hello')));
      stream.on('error', (error) => faults.push(error));
      const answer = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
      expect(faults).toEqual([]);
      expect(answer.subarray(5).toString()).toBe('hello');
    }
    session.destroy();
  });

  describeWithServer(nghttp2, 'from nghttp2', () => {
    it.each(['0', '100'])('serves nghttp with a table size of %s', async (bytes) => {
      await using folder = await tempFolder();
      const body = join(folder.path, 'body');
      await writeFile(body, message(Buffer.from('hello')));
      const size = `--header-table-size=${bytes}`;
      const url = `http://127.0.0.1:${target.port}/attacked/Echo`;
      const call = ['-H', ':method: POST', '-H', 'content-type: application/grpc', '-d', body, url];
      const output = await mustRun(['nghttp', '-v', '-m', '3', size, ...call]);
      expect(output.match(/grpc-status: 0/g)).toHaveLength(3);
    });
  });
});
