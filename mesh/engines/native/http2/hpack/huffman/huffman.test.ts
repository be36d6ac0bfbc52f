import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackError } from '../hpack-error.ts';
import { codeBits, codes, endOfString } from './codes.ts';
import { decodeHuffman } from './decode.ts';
import { huffmanBytes, writeHuffman } from './encode.ts';

function encode(text: string): Buffer {
  const target = Buffer.alloc(text.length * 4 + 1);
  return target.subarray(0, writeHuffman(text, target, 0));
}

function decode(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return decodeHuffman(bytes, 0, bytes.length);
}

/** The bytes of these bits. */
function pack(bits: string): string {
  return (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte, 2).toString(16).padStart(2, '0')).join('');
}

describe('the Huffman code', () => {
  it.each([
    ['0', 0x0, 5],
    ['a', 0x3, 5],
    [' ', 0x14, 6],
    ['~', 0x1ffd, 13],
    ['&', 0xf8, 8],
    [':', 0x5c, 7],
    ['X', 0xfc, 8],
    ['Z', 0xfd, 8],
    ['\\', 0x7fff0, 19],
    ['\0', 0x1ff8, 13],
    ['\x01', 0x7fffd8, 23],
    ['\x02', 0xfffffe2, 28],
    ['\t', 0xffffea, 24],
    ['\r', 0x3ffffffd, 30],
    ['\x1f', 0xffffffb, 28],
    ['\n', 0x3ffffffc, 30],
    ['\x16', 0x3ffffffe, 30],
    ['\x7f', 0xffffffc, 28],
    ['\x80', 0xfffe6, 20],
    ['\xf9', 0xffffffe, 28],
    ['\xff', 0x3ffffee, 26],
  ])('encodes %j as RFC 7541 appendix B does', (character, code, bits) => {
    expect([codes[character.charCodeAt(0)], codeBits[character.charCodeAt(0)]]).toEqual([code, bits]);
  });

  it('ends with the code of 30 ones and skips no code', () => {
    expect([codes[endOfString], codeBits[endOfString]]).toEqual([0x3fffffff, 30]);
    expect(codeBits.reduce((share, bits) => share + 2 ** -bits, 0)).toBe(1);
  });

  it('decodes each of the 256 bytes, alone and between others', () => {
    for (let byte = 0; byte < 256; byte++) {
      for (const text of [
        String.fromCharCode(byte),
        `a${String.fromCharCode(byte)}Z`,
        String.fromCharCode(byte, byte),
      ]) {
        const encoded = encode(text);
        expect(encoded.length).toBe(huffmanBytes(text));
        expect(decodeHuffman(encoded, 0, encoded.length)).toBe(text);
      }
    }
  });

  it('decodes any text in the middle of a buffer', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    fc.assert(
      fc.property(text, fc.nat({ max: 9 }), (value, offset) => {
        const latin1 = Buffer.from(value, 'latin1').toString('latin1');
        const encoded = encode(latin1);
        const within = Buffer.concat([Buffer.alloc(offset, 0xff), encoded, Buffer.alloc(3)]);
        expect(decodeHuffman(within, offset, offset + encoded.length)).toBe(latin1);
      }),
    );
  });

  it('decodes a text that is larger than its scratch buffer', () => {
    const text = 'a long value; '.repeat(2_000);
    const encoded = encode(text);
    expect(decodeHuffman(encoded, 0, encoded.length)).toBe(text);
  });

  it('has no code for characters above U+00FF, including the one with the number of the end', () => {
    expect(huffmanBytes('price: 5 €')).toBeNaN();
    expect(huffmanBytes('\u0100')).toBeNaN();
  });

  // "a" is 00011.
  it.each([
    ['three ones', 'a', 3],
    ['seven ones', 'aaaaa', 7],
    ['nothing', 'aaaaaaaa', 0],
  ])('accepts %s as padding', (_, text, ones) => {
    expect(decode(pack('00011'.repeat(text.length) + '1'.repeat(ones)))).toBe(text);
  });

  it.each([
    ['a byte of ones', 'ff', /has invalid padding/],
    ['a byte of ones after a text', '1fff', /has invalid padding/],
    ['27 ones after a text', '1fffffff', /has invalid padding/],
    ['zeros', '18', /has invalid padding/],
    ['a code that is cut off', 'fffffc', /has invalid padding/],
    ['the code of the end', 'ffffffff', /end-of-string code/],
    ['the code of the end and a text after it', 'fffffffc1f', /end-of-string code/],
    ['the code of the end after a text', '1fffffffff', /end-of-string code/],
  ])('refuses %s as padding', (_, hex, message) => {
    expect(() => decode(hex)).toThrow(HpackError);
    expect(() => decode(hex)).toThrow(message);
  });
});
