import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { encodeMessage } from './message-encoder.ts';

const user = fc
  .record({
    id: fc.string(),
    name: fc.string({ maxLength: 300 }),
    email: fc.string(),
    createTime: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), { nil: undefined }),
  })
  .map((fields) => User.fromPartial(fields));

describe('the message encoder', () => {
  it('encodes each message like a new writer', () => {
    fc.assert(
      fc.property(fc.array(user, { maxLength: 20 }), (users) => {
        const encoded = users.map((each) => encodeMessage(User, each));
        expect(encoded.map((bytes) => Buffer.from(bytes))).toEqual(
          users.map((each) => Buffer.from(User.encode(each).finish())),
        );
      }),
    );
  });

  it('leaves nothing of a message that cannot be encoded in the next', () => {
    const ada = User.fromPartial({ id: 'ada', name: 'Ada' });
    const broken: User = {
      ...ada,
      name: 'half of it',
      get email(): string {
        throw new Error('broken');
      },
    };
    expect(() => encodeMessage(User, broken)).toThrow('broken');
    expect(User.decode(encodeMessage(User, ada))).toEqual(ada);
  });

  it('keeps the bytes of a message while it encodes others of all sizes', () => {
    // A double is written through a view of the buffer, which must not be that of an earlier one.
    const type = {
      encode: ({ number, length }: { readonly number: number; readonly length: number }, writer: BinaryWriter) =>
        writer.uint32(9).double(number).uint32(18).fork().bytes(new Uint8Array(length).fill(length)).join(),
    };
    const lengths = fc.oneof(fc.nat(100), fc.nat(1_100), fc.nat(10_000), fc.constant(100_000));
    fc.assert(
      fc.property(fc.array(fc.record({ number: fc.double(), length: lengths }), { maxLength: 60 }), (messages) => {
        const encoded = messages.map((each) => encodeMessage(type, each));
        expect(encoded.map((bytes) => Buffer.from(bytes).toString('base64'))).toEqual(
          messages.map((each) => Buffer.from(type.encode(each, new BinaryWriter()).finish()).toString('base64')),
        );
      }),
    );
  });

  it.each([-1, 1.5, 2 ** 32])('refuses a uint32 of %d', (value) => {
    const type = { encode: (number: number, writer = new BinaryWriter()) => writer.uint32(number) };
    expect(() => encodeMessage(type, value)).toThrow('invalid uint32');
    expect(encodeMessage(type, 0xffff_ffff)).toEqual(type.encode(0xffff_ffff).finish());
  });

  it('encodes messages correctly after a large one', () => {
    const large = User.fromPartial({ id: 'x', name: 'y'.repeat(1_000_000) });
    expect(User.decode(encodeMessage(User, large))).toEqual(large);
    const ada = User.fromPartial({ id: 'ada' });
    expect(User.decode(encodeMessage(User, ada))).toEqual(ada);
  });
});
