import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { http2Frame } from '../../../../testing/http2-frame.ts';
import { FrameReader } from './frame-reader.ts';
import { ConnectionError, clientPreface, ErrorCode } from './frames.ts';

interface Read {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

const maxFrameBytes = 1_000;

function encode({ type, flags, streamId, payload }: Read): Buffer {
  return http2Frame(type, flags, streamId, Buffer.from(payload, 'hex'));
}

/** The frames that are read from pieces. The reader is closed after `max` frames. */
function read(pieces: Iterable<Buffer>, expectPreface: boolean, max = Number.POSITIVE_INFINITY): Read[] {
  const frames: Read[] = [];
  const sink = {
    get closed() {
      return frames.length >= max;
    },
    frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number) {
      frames.push({ type, flags, streamId, payload: buffer.toString('hex', start, end) });
    },
  };
  const reader = new FrameReader(sink, { expectPreface, maxFrameBytes });
  for (const piece of pieces) reader.push(piece);
  return frames;
}

/** Cuts into pieces of these sizes, repeatedly, each in a separate buffer. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, round = 0; at < bytes.length; round += 1) {
    const end = at + (sizes[round % sizes.length] ?? 1);
    yield Buffer.from(bytes.subarray(at, end));
    at = end;
  }
}

const byte = fc.nat({ max: 255 });
const payload = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constantFrom(0, 1, maxFrameBytes))
  .map(([bytes, size]) => Buffer.alloc(size === 1 ? bytes.length : size, bytes).toString('hex'));
const frames = fc.array(fc.record({ type: byte, flags: byte, streamId: fc.nat({ max: 2 ** 31 - 1 }), payload }), {
  maxLength: 12,
});
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 });

describe('the frame reader', () => {
  it('reads the same frames from any pieces', () => {
    fc.assert(
      fc.property(frames, fc.boolean(), sizes, (sent, expectPreface, sizes) => {
        const bytes = Buffer.concat([expectPreface ? clientPreface : Buffer.alloc(0), ...sent.map(encode)]);
        expect(read([bytes], expectPreface)).toEqual(sent);
        expect(read(cut(bytes, [1]), expectPreface)).toEqual(sent);
        expect(read(cut(bytes, sizes), expectPreface)).toEqual(sent);
      }),
    );
  });

  it('delivers nothing after its sink has closed', () => {
    fc.assert(
      fc.property(frames, fc.nat({ max: 4 }), sizes, (sent, max, sizes) => {
        const bytes = Buffer.concat(sent.map(encode));
        expect(read(cut(bytes, sizes), false, max)).toEqual(sent.slice(0, max));
        expect(read([bytes], false, max)).toEqual(sent.slice(0, max));
      }),
    );
  });

  it('ignores the reserved bit of a stream id', () => {
    const [frame] = read([Buffer.from('000000000080000001', 'hex')], false);
    expect(frame?.streamId).toBe(1);
  });

  it.each([[[1]], [[3]], [[9]], [[9_999]]])(
    'refuses a frame over the limit before it has come, in pieces of %j',
    (sizes) => {
      const start = Buffer.from('0003e90000000000010000', 'hex');
      expect(() => read(cut(start, sizes), false)).toThrow(
        expect.objectContaining({ code: ErrorCode.FRAME_SIZE_ERROR, message: expect.stringContaining('1001') }),
      );
    },
  );

  it('refuses a preface at its first wrong byte', () => {
    for (let at = 0; at < clientPreface.length; at += 1) {
      const wrong = Buffer.from(clientPreface);
      wrong[at] = 0xff;
      expect(read(cut(wrong.subarray(0, at), [1]), true)).toEqual([]);
      expect(() => read(cut(wrong.subarray(0, at + 1), [1]), true)).toThrow(ConnectionError);
      expect(() => read([wrong], true)).toThrow(expect.objectContaining({ code: ErrorCode.PROTOCOL_ERROR }));
    }
  });

  it('reads random bytes as frames or as a fault of the peer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), sizes, (bytes, sizes) => {
        try {
          read(cut(Buffer.from(bytes), sizes), false);
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
      }),
    );
  });
});
