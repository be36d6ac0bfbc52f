import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chooseCoding, compress, decompress, minCompressedBytes } from './content-coding.ts';

const large = minCompressedBytes;
const small = large - 1;

describe('the coding of an answer', () => {
  it.each([
    [undefined, large, 'identity'],
    ['', large, 'identity'],
    ['gzip', large, 'gzip'],
    ['gzip', small, 'identity'],
    ['x-gzip', large, 'gzip'],
    ['gzip, deflate, br, zstd', large, 'gzip'],
    ['br', large, 'identity'],
    ['*', large, 'gzip'],
    ['gzip;q=0', large, 'identity'],
    ['gzip;q=0, *', large, 'identity'],
    ['gzip;q=0.1', large, 'gzip'],
    ['gzip;q=0.5, identity;q=0.6', large, 'identity'],
    ['gzip;q=0.6, identity;q=0.5', large, 'gzip'],
    // Plain bytes are refused, so the size does not matter.
    ['gzip, identity;q=0', small, 'gzip'],
    ['gzip, *;q=0', small, 'gzip'],
    ['identity, *;q=0', large, 'identity'],
  ])('for Accept-Encoding %j of %i bytes is %s', (header, bytes, coding) => {
    expect(chooseCoding(header, bytes)).toBe(coding);
  });

  it.each(['identity;q=0', '*;q=0', 'br, *;q=0', 'gzip;q=0, identity;q=0'])(
    'does not exist for Accept-Encoding %j',
    (header) => {
      expect(() => chooseCoding(header, large)).toThrow(expect.objectContaining({ reason: 'NOT_ACCEPTABLE' }));
    },
  );

  it('compresses', async () => {
    const text = 'an answer '.repeat(1_000);
    const compressed = await compress(Buffer.from(text));
    expect(compressed.length).toBeLessThan(1_000);
    expect(gunzipSync(compressed).toString()).toBe(text);
  });
});

describe('the body of a request', () => {
  const text = '{"name": "Ada"}';
  const zipped = gzipSync(text);
  const read = async (body: Buffer, coding?: string) => (await decompress(body, coding, 1_000)).toString();

  it('is read as its Content-Encoding says', async () => {
    for (const coding of [undefined, '', 'identity', 'IDENTITY'])
      expect(await read(Buffer.from(text), coding)).toBe(text);
    for (const coding of ['gzip', 'x-gzip', ' GZIP ']) expect(await read(zipped, coding)).toBe(text);
  });

  it('may have as many bytes as a plain one, and no more', async () => {
    expect(await read(gzipSync('a'.repeat(1_000)), 'gzip')).toHaveLength(1_000);
    await expect(read(gzipSync('a'.repeat(1_001)), 'gzip')).rejects.toMatchObject({ reason: 'BODY_TOO_LARGE' });
  });

  it('is not inflated further than that', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    expect(bomb.length).toBeLessThan(300_000);
    const before = process.memoryUsage().arrayBuffers;
    await expect(decompress(bomb, 'gzip', 4_194_304)).rejects.toMatchObject({ reason: 'BODY_TOO_LARGE' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it.each(['br', 'deflate', 'gzip, gzip', 'gzip, br', 'zstd'])(
    'is refused with Content-Encoding %j',
    async (coding) => {
      await expect(read(zipped, coding)).rejects.toMatchObject({ reason: 'UNSUPPORTED_CONTENT_ENCODING' });
    },
  );

  it('is refused if it is not gzip, or cut off', async () => {
    const damaged = [Buffer.from(text), Buffer.alloc(0), zipped.subarray(0, -3), zipped.subarray(0, 5)];
    for (const body of damaged) {
      await expect(read(body, 'gzip')).rejects.toMatchObject({ reason: 'MALFORMED_CONTENT_ENCODING' });
    }
  });
});
