import { zstdCompressSync } from 'node:zlib';
import { compress } from 'snappy';
import { expect, it } from 'vitest';
import { maxUnpackedBytes, unpack } from './codecs.ts';

const [snappy, lz4, zstd] = [2, 3, 4];
const frameStart = [0x04, 0x22, 0x4d, 0x18];

it('an LZ4 block may refer to the block before it, and a match into itself', async () => {
  const linked = [0x40, 0x40, 0];
  // Five literals; then eleven bytes from five back, of which six are of this match, and five literals.
  const first = [0x50, ...Buffer.from('hello')];
  const second = [0x07, 5, 0, 0x50, ...Buffer.from('world')];
  const blocks = [first, second].flatMap((block) => [block.length, 0, 0, 0, ...block]);
  const frame = Buffer.from([...frameStart, ...linked, ...blocks, 0, 0, 0, 0]);
  expect((await unpack(lz4, Buffer.concat([frame, frame]))).toString()).toBe('hellohellohellohworld'.repeat(2));
});

it('an LZ4 frame may have checksums, its size, and blocks that are not compressed', async () => {
  const header = [...frameStart, 0b0111_1100, 0x40, ...Buffer.alloc(8, 5), 0];
  const frame = Buffer.from([...header, 5, 0, 0, 0x80, ...Buffer.from('hello'), 1, 2, 3, 4, 0, 0, 0, 0, 1, 2, 3, 4]);
  expect((await unpack(lz4, frame)).toString()).toBe('hello');
});

it.each([
  ['no frame', [1, 2, 3, 4, 5]],
  ['a frame that is cut off', [...frameStart, 0x60, 0x40, 0, 9, 0, 0, 0, 0x50]],
  ['a match before the beginning', [...frameStart, 0x60, 0x40, 0, 4, 0, 0, 0, 0x10, 97, 9, 0, 0, 0, 0, 0]],
])('invalid LZ4 is refused: %s', async (_, bytes) => {
  await expect(unpack(lz4, Buffer.from(bytes))).rejects.toThrow();
});

it('a Snappy frame whose block has a negative length is refused', async () => {
  const header = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];
  await expect(unpack(snappy, Buffer.from([...header, 0xff, 0xff, 0xff, 0xfc, 0]))).rejects.toThrow('-4 bytes');
});

it('data that would take too much memory is refused early', async () => {
  const large = Buffer.alloc(maxUnpackedBytes + 1);
  await expect(unpack(zstd, zstdCompressSync(large))).rejects.toThrow();
  await expect(unpack(snappy, await compress(large))).rejects.toThrow('when it is unpacked');
  // A match of 255 bytes for each byte.
  const block = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(600_000, 255), Buffer.from([0])]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(block.length);
  const bomb = Buffer.concat([Buffer.from([...frameStart, 0x60, 0x70, 0]), length, block, Buffer.alloc(4)]);
  await expect(unpack(lz4, bomb)).rejects.toThrow('when it is unpacked');
});

it('an unknown codec is named', async () => {
  await expect(unpack(5, Buffer.alloc(1))).rejects.toThrow('its codec 5');
});
