import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHpackDecoder, HpackError } from './decoder.ts';
import { createHpackEncoder } from './encoder.ts';
import type { HeaderList } from './header-list.ts';

const maxHeaderListBytes = 64 * 1024;

const anyText = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const name = fc.oneof(
  fc.constantFrom(':path', ':status', 'content-type', 'cookie', 'grpc-timeout', 'te', 'x-a', 'x-b', 'x-plain'),
  anyText,
);
// Few values, so they repeat, and some that fill the table.
const value = fc.oneof(
  fc.constantFrom('', '0', '200', 'trailers'),
  anyText,
  fc.nat({ max: 2_500 }).map((length) => 'v'.repeat(length)),
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((list) => list.flat());

/** A step on a connection: a list of fields, a repeated one, or new table sizes. */
const step = fc.oneof(
  { weight: 6, arbitrary: fields.map((list) => ({ list })) },
  { weight: 4, arbitrary: fc.nat({ max: 3 }).map((back) => ({ back })) },
  { weight: 1, arbitrary: fc.array(fc.nat({ max: 6_000 }), { maxLength: 3 }).map((sizes) => ({ sizes })) },
);

describe('encoder and decoder', () => {
  it('agree over any sequence of blocks and table sizes', () => {
    const plain = new Set(['x-plain']);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const encoder = createHpackEncoder();
        const decoder = createHpackDecoder({ maxTableBytes: 6_000, maxHeaderListBytes });
        const sent: string[][] = [[]];
        for (const done of steps) {
          if ('sizes' in done) {
            for (const size of done.sizes) encoder.setMaxTableSize(size);
            continue;
          }
          const list = 'list' in done ? done.list : (sent.at(-1 - done.back) ?? []);
          sent.push(list);
          expect(decoder.decode(encoder.encode(list, plain)).fields).toEqual(list);
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Random bytes that resemble a block. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.integer({ min: 0x80, max: 0xff }).map((byte) => Uint8Array.of(byte)),
  fc
    .tuple(fc.constantFrom(0x00, 0x10, 0x40, 0x41, 0x7e), anyText, anyText)
    .map(([first, ...texts]) =>
      Buffer.concat([
        Buffer.of(first),
        ...texts.map((text) => Buffer.from(`${String.fromCharCode(text.length)}${text}`, 'latin1')),
      ]),
    ),
  fc
    .tuple(fc.constant(0x40), fc.uint8Array({ minLength: 1, maxLength: 20 }))
    .map(([first, code]) =>
      Buffer.concat([Buffer.of(first, 0x80 | code.length), code, Buffer.of(0x80 | code.length), code]),
    ),
  fc.constantFrom('20', '3fe11f', '3f00', 'ffffffffff07', '7f8000').map((hex) => Buffer.from(hex, 'hex')),
);
const anyBlock = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces));

describe('a decoder with random input', () => {
  /** The result of each block, up to the first that is refused. */
  function decodeAll(blocks: readonly Buffer[], limit: number, before = 0): (HeaderList | string)[] {
    const decoder = createHpackDecoder({ maxHeaderListBytes: limit });
    const answers: (HeaderList | string)[] = [];
    for (const block of blocks) {
      const buffer = Buffer.concat([Buffer.alloc(before, 0xff), block, Buffer.alloc(before, 0x81)]);
      try {
        answers.push(decoder.decode(buffer, before, before + block.length));
      } catch (error) {
        expect(error).toBeInstanceOf(HpackError);
        answers.push((error as HpackError).message);
        return answers;
      }
    }
    return answers;
  }

  it('throws only an HpackError, and returns no more than its bytes and the limit allow', () => {
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 8 }), (blocks) => {
        for (const [index, answer] of decodeAll(blocks, 300).entries()) {
          if (typeof answer === 'string') continue;
          expect(answer.fields.length).toBeLessThanOrEqual(2 * (blocks[index]?.length ?? 0));
          expect(answer.tooLarge).toBe(answer.bytes > 300);
          const kept = answer.fields.reduce((bytes, text) => bytes + text.length, 16 * answer.fields.length);
          expect(kept).toBe(answer.tooLarge ? 0 : answer.bytes);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('returns the same at any place of a buffer, and for a repeated block', () => {
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (blocks, before) => {
        const twice = blocks.flatMap((block) => [block, block, block]);
        expect(decodeAll(twice, 300, before)).toEqual(decodeAll(twice, 300));
      }),
      { numRuns: 500 },
    );
  });
});
