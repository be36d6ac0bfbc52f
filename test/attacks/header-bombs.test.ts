import { describe, expect, it } from 'vitest';
import { ErrorCode, Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../mesh/engines/native/http2/codec/literal-fields.ts';
import { SettingId } from '../../mesh/engines/native/http2/codec/settings.ts';
import { attackedServer } from './support/attack.ts';
import { call, data, forStreams, frame, headers, hello, message, requestBlock, settings } from './support/frames.ts';
import { RawPeer } from './support/raw-peer.ts';

const mib = 1024 * 1024;
const block = requestBlock('/attacked/Echo');
/** A field that fills the table of 4,096 bytes: `x` with a value of 4,063 bytes. */
const entry = Buffer.concat([Buffer.from('400178' + '7fe01e', 'hex'), Buffer.alloc(4_063, 'v')]);
/** References to the newest entry of the table. */
const references = (count: number) => Buffer.alloc(count, 0xbe);
/** Fields with one-byte names and values that are in no table. */
const smallFields = (count: number) => Buffer.alloc(5 * count, Buffer.from('0001780179', 'hex'));

function request(streamId: number, ...parts: readonly Uint8Array[]): Buffer {
  return headers(streamId, Buffer.concat([block, ...parts]), Flag.END_STREAM);
}

describe('a server that receives large metadata', () => {
  const target = attackedServer();

  it.each([
    ['8 KiB', (id: number) => request(id, literalFields(['x', 'v'.repeat(8_192)]))],
    ['almost 16 KiB', (id: number) => request(id, literalFields(['x', 'v'.repeat(15_500)]))],
  ])('serves a request with %s of metadata', async (_, make) => {
    using peer = await RawPeer.connect(target.port);
    await peer.send(make(1), call(3, '/attacked/Echo'));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.RST_STREAM)).toEqual([]);
    expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(2);
  });

  it.each([
    ['one large field', [literalFields(['x', 'v'.repeat(16_200)])]],
    ['many small fields', [smallFields(600)]],
    ['a large field many times (a bomb)', [entry, references(4_000)]],
  ])('refuses only the request with over 16 KiB of metadata: %s', async (_, parts) => {
    const { refused } = await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      const whole = Buffer.concat([block, ...parts]);
      const size = 16_384;
      await peer.send(frame(FrameType.HEADERS, Flag.END_STREAM, 1, whole.subarray(0, 100)));
      await peer.send(frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, whole.subarray(100, 100 + size)));
      await peer.send(call(3, '/attacked/Echo'));
      expect(await peer.isServed()).toBe(true);
      const [refusal] = peer.of(FrameType.HEADERS, 1);
      expect(refusal?.payload.toString('latin1')).toContain('grpc-status\x018');
      expect(peer.of(FrameType.HEADERS, 3)).toHaveLength(2);
    });
    expect(refused).toEqual({ metadata_too_large: 1 });
  });

  it.each([
    ['a field that fills the table, referenced 4,000 times', [entry], references(4_000)],
    ['thousands of fields of one byte', [], smallFields(3_000)],
    ['empty header blocks', [], Buffer.alloc(0)],
  ])('uses little memory for a thousand requests with %s', async (_, first, bomb) => {
    const before = await target.state();
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headers(1, Buffer.concat([block, ...first]), Flag.END_STREAM));
      for (let round = 0; round < 20; round += 1) {
        await peer.send(forStreams(50, (id) => headers(id, bomb, Flag.END_STREAM), 3 + 100 * round));
      }
      expect(await Promise.race([peer.isServed(), peer.closed.then(() => false)])).toBeTypeOf('boolean');
    });
    const after = await target.state();
    expect(after.heapBytes - before.heapBytes).toBeLessThan(20 * mib);
    expect(after.bufferBytes - before.bufferBytes).toBeLessThan(20 * mib);
    expect(after.cpuMs - before.cpuMs).toBeLessThan(5_000);
  });
});

describe('a server that decodes header blocks', () => {
  const target = attackedServer();

  it.each([
    ['a table of 2^32 bytes', '3fe0ffffff0f'],
    ['a table larger than was allowed', '3fe21f'],
    ['an index beyond the tables', 'be'],
    ['index 0', '80'],
    ['an integer without end', 'ffffffffffffffffffff'],
    ['a string without end', '007fffffff7f'],
    ['a Huffman string with eight bits of padding', '0081ff00'],
    ['the EOS symbol within a string', '0084ffffffff00'],
  ])('closes the connection on %s', async (_, hex) => {
    await target.attack(async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headers(1, Buffer.from(hex, 'hex'), Flag.END_STREAM));
      await peer.closed;
      expect(peer.goaway).toBe(ErrorCode.COMPRESSION_ERROR);
    });
  });

  it('accepts a block with thousands of table size updates', async () => {
    using peer = await RawPeer.connect(target.port);
    const sizes = Buffer.alloc(16_000, Buffer.from('203fe11f', 'hex'));
    await peer.send(headers(1, Buffer.concat([sizes, block])), data(1, message(Buffer.of(1)), Flag.END_STREAM));
    expect(await peer.isServed()).toBe(true);
    expect(peer.of(FrameType.HEADERS, 1)).toHaveLength(2);
  });

  it('keeps its own table small if the peer allows 4 GiB', async () => {
    const { heapBytes: before } = await target.state();
    using peer = await RawPeer.connect(
      target.port,
      Buffer.concat([hello, settings([SettingId.HEADER_TABLE_SIZE, 2 ** 32 - 1])]),
    );
    await peer.send(forStreams(500, (id) => call(id, `/attacked/none-${id}`)));
    expect(await peer.isServed()).toBe(true);
    expect((await target.state()).heapBytes - before).toBeLessThan(4 * mib);
  });
});
