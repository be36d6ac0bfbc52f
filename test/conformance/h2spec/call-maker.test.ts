import { describe, expect, it } from 'vitest';
import { CallMaker } from './call-maker.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const fields = Buffer.from('\0\x0ccontent-type\x10application/grpc\0\x02te\x08trailers', 'latin1');
const [get, post, path] = [0x82, 0x83, 0x84];

function frame(type: number, flags: number, ...payload: (number | Buffer)[]): Buffer {
  const bytes = Buffer.concat(payload.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
  return Buffer.concat([Buffer.of(0, 0, bytes.length, type, flags, 0, 0, 0, 1), bytes]);
}

/** Returns what CallMaker passes on if `sent` arrives in pieces of this size. */
function passedOn(sent: Buffer, pieceBytes = sent.length): Buffer {
  const passed: Buffer[] = [];
  const maker = new CallMaker((bytes) => passed.push(bytes));
  for (let at = 0; at < sent.length; at += pieceBytes) maker.take(sent.subarray(at, at + pieceBytes));
  return Buffer.concat(passed);
}

const request = frame(1, 0x4, get, path);
const call = frame(1, 0x4, post, path, fields);
const data = frame(0, 0x1, Buffer.from('test'));

describe('CallMaker', () => {
  it.each([1, 2, 7, 1_000])(
    'turns requests into calls and changes nothing else, in pieces of %i bytes',
    (pieceBytes) => {
      const sent = Buffer.concat([preface, data, request, data, request]);
      expect(passedOn(sent, pieceBytes)).toEqual(Buffer.concat([preface, data, call, data, call]));
    },
  );

  it('adds the fields before padding and after a priority', () => {
    const fill = Buffer.from('pad');
    const weight = Buffer.from('prior');
    const sent = frame(1, 0x2c, 3, weight, get, path, fill);
    expect(passedOn(Buffer.concat([preface, sent]))).toEqual(
      Buffer.concat([preface, frame(1, 0x2c, 3, weight, post, path, fields, fill)]),
    );
  });

  it('adds the fields at the end of a block with continuations', () => {
    const sent = [frame(1, 0, get), frame(9, 0, path), frame(9, 0x4, path)];
    const expected = [frame(1, 0, post), frame(9, 0, path), frame(9, 0x4, path, fields)];
    expect(passedOn(Buffer.concat([preface, ...sent]))).toEqual(Buffer.concat([preface, ...expected]));
  });

  it.each([
    ['trailers', Buffer.concat([preface, frame(1, 0x5, path)])],
    ['an incomplete frame', Buffer.concat([preface, data.subarray(0, 11)])],
    ['bytes without a preface', Buffer.concat([Buffer.alloc(24), request])],
  ])('leaves %s unchanged', (_, sent) => {
    expect(passedOn(sent)).toEqual(sent);
  });
});
