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

  it('encodes messages correctly after a large one', () => {
    const large = User.fromPartial({ id: 'x', name: 'y'.repeat(1_000_000) });
    expect(User.decode(encodeMessage(User, large))).toEqual(large);
    const ada = User.fromPartial({ id: 'ada' });
    expect(User.decode(encodeMessage(User, ada))).toEqual(ada);
  });
});
