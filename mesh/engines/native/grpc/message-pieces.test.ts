import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import { plainBytes } from './compression.ts';
import { MessageParser } from './message-parser.ts';

const maxBytes = 2_000;
const compressors = { identity: undefined, gzip: gzipSync, deflate: deflateSync } as const;
const encoding = fc.constantFrom('identity', 'gzip', 'deflate');

interface Sent {
  readonly bytes: Buffer;
  readonly compressed: boolean;
}

function encode({ bytes, compressed }: Sent, name: keyof typeof compressors): Buffer {
  const compress = compressed ? compressors[name] : undefined;
  return compress ? grpcFrame(compress(bytes), true) : grpcFrame(bytes);
}

/** Parses pieces, each in the middle of a buffer that is overwritten afterwards. */
function read(
  pieces: Iterable<Buffer>,
  name: string,
  limit = maxBytes,
): { readonly messages: string[]; readonly midway: boolean } {
  const messages: string[] = [];
  const reader = new MessageParser(limit, (message) => {
    messages.push(plainBytes(message, name, limit).toString('hex'));
  });
  for (const piece of pieces) {
    const buffer = Buffer.concat([Buffer.alloc(3, 0xff), piece, Buffer.alloc(2, 0xff)]);
    reader.push(buffer, 3, 3 + piece.length);
    buffer.fill(0xee);
  }
  return { messages, midway: reader.midway };
}

/** Cuts into pieces of these sizes, repeatedly. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, round = 0; at < bytes.length; round += 1) {
    const end = at + (sizes[round % sizes.length] ?? 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const sizes = fc
  .array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 6 })
  .filter((list) => list.some((size) => size > 0));
const content = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constantFrom(0, 1, maxBytes))
  .map(([bytes, size]) => Buffer.alloc(size === 1 ? bytes.length : size, bytes));
const messages = fc.array(fc.record({ bytes: content, compressed: fc.boolean() }), { maxLength: 10 });

describe('messages on a stream', () => {
  it('are the same for any pieces', () => {
    fc.assert(
      fc.property(messages, encoding, sizes, (sent, name, sizes) => {
        const bytes = Buffer.concat(sent.map((message) => encode(message, name)));
        const expected = { messages: sent.map((message) => message.bytes.toString('hex')), midway: false };
        expect(read([bytes], name)).toEqual(expected);
        expect(read(cut(bytes, [1]), name)).toEqual(expected);
        expect(read(cut(bytes, sizes), name)).toEqual(expected);
      }),
    );
  });

  it('are the same for any pieces if they are large', () => {
    const large = fc.uint8Array({ minLength: 40_000, maxLength: 60_000 });
    const pieceSizes = fc.array(fc.integer({ min: 500, max: 30_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(large, pieceSizes, (bytes, sizes) => {
        const sent = { bytes: Buffer.from(bytes), compressed: false };
        const wire = Buffer.concat([encode(sent, 'identity'), encode(sent, 'identity')]);
        const text = sent.bytes.toString('hex');
        expect(read(cut(wire, sizes), 'identity', 64_000).messages).toEqual([text, text]);
      }),
      { numRuns: 30 },
    );
  });

  it('are reported as incomplete at any cut', () => {
    fc.assert(
      fc.property(messages, encoding, sizes, fc.nat(), (sent, name, sizes, place) => {
        const encoded = sent.map((message) => encode(message, name));
        const ends = [0];
        for (const { length } of encoded) ends.push((ends.at(-1) ?? 0) + length);
        const whole = Buffer.concat(encoded);
        const part = whole.subarray(0, place % (whole.length + 1));
        const { messages, midway } = read(cut(part, sizes), name);
        expect(messages).toHaveLength(ends.filter((end) => end <= part.length).length - 1);
        expect(midway).toBe(!ends.includes(part.length));
      }),
    );
  });

  it.each([[[1]], [[4]], [[5]], [[99]]])('are refused by their length before they arrive, in pieces of %j', (sizes) => {
    const start = Buffer.from('00000007d1', 'hex');
    expect(() => read(cut(start, sizes), 'identity')).toThrow(
      expect.objectContaining({ code: Status.RESOURCE_EXHAUSTED, reason: 'MESSAGE_TOO_LARGE' }),
    );
  });

  it('are parsed, or refused with a MeshError, for any bytes', () => {
    const anyBytes = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 30 })).map(([flag, size]) => Uint8Array.of(flag, 0, 0, 0, size)),
        fc.constant(new Uint8Array(encode({ bytes: Buffer.from('a'), compressed: true }, 'gzip'))),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(anyBytes, encoding, sizes, (parts, name, sizes) => {
        try {
          read(cut(Buffer.concat(parts), sizes), name);
        } catch (error) {
          expect(error).toBeInstanceOf(MeshError);
        }
      }),
    );
  });
});
