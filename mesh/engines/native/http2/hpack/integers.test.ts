import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockReader } from './block-reader.ts';
import { BlockWriter } from './block-writer.ts';
import { HpackError } from './hpack-error.ts';

function encode(value: number, mask: number): Buffer {
  const writer = new BlockWriter();
  writer.begin();
  writer.integer({ pattern: 0, mask }, value);
  return writer.take();
}

function decode(bytes: Buffer, mask: number): number {
  const reader = new BlockReader();
  reader.open(bytes, 0, bytes.length);
  const value = reader.integer(mask);
  expect(reader.more).toBe(false);
  return value;
}

const fiveBits = 0x1f;
const eightBits = 0xff;

describe('an integer of a header block', () => {
  it.each([
    ['C.1.1', 10, fiveBits, '0a'],
    ['C.1.2', 1337, fiveBits, '1f9a0a'],
    ['C.1.3', 42, eightBits, '2a'],
    ['a full prefix', 31, fiveBits, '1f00'],
    ['a full first byte after the prefix', 31 + 128, fiveBits, '1f8001'],
    ['the largest', 2 ** 31 - 1, eightBits, 'ff80feffff07'],
  ])('is written and read as in the RFC: %s', (_, value, mask, hex) => {
    expect(encode(value, mask).toString('hex')).toBe(hex);
    expect(decode(Buffer.from(hex, 'hex'), mask)).toBe(value);
  });

  it('is read as it was written, with any prefix', () => {
    const prefix = fc.integer({ min: 1, max: 8 });
    const value = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(prefix, value, (bits, number) => {
        expect(decode(encode(number, 2 ** bits - 1), 2 ** bits - 1)).toBe(number);
      }),
    );
  });

  it('is accepted with needless bytes, up to five after its prefix', () => {
    expect(decode(Buffer.from('1f8080808000', 'hex'), fiveBits)).toBe(31);
  });

  it.each([
    ['a sixth byte after the prefix', '1f808080808000', /more than 5 continuation bytes/],
    ['2^31', 'ff81feffff07', /2147483648, more than 2147483647/],
    ['all bits of five bytes', 'ffffffffff7f', /more than 2147483647/],
    ['no end', '1f80', /ends within an integer/],
    ['nothing after a full prefix', '1f', /ends within an integer/],
  ])('is refused with %s', (_, hex, message) => {
    const mask = hex.startsWith('ff') ? eightBits : fiveBits;
    expect(() => decode(Buffer.from(hex, 'hex'), mask)).toThrow(HpackError);
    expect(() => decode(Buffer.from(hex, 'hex'), mask)).toThrow(message);
  });
});
