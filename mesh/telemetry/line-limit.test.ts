import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createLineLimit, kindOfError } from './line-limit.ts';

describe('the limit of lines', () => {
  const failAll = (errors: readonly Error[]) => {
    const limit = createLineLimit(createTestClock());
    return errors.map((error) => limit(kindOfError(error)) !== undefined);
  };

  it('permits one line in 10 s of a kind, which counts those that were left out', () => {
    const clock = createTestClock();
    const limit = createLineLimit(clock);
    expect([limit('a'), limit('a'), limit('b'), limit('a')]).toEqual([{}, undefined, {}, undefined]);
    clock.advance(10_000);
    expect(limit('a')).toEqual({ unlogged: 2 });
  });

  it('takes errors with one reason for one kind, with any text', () => {
    const away = (text: string) => new MeshError(Status.UNAVAILABLE, 'AWAY', text);
    expect(failAll([away('a is away'), away('b is away')])).toEqual([true, false]);
  });

  it('hides no bug behind another one', () => {
    const bugs = ['x is not a function', 'y is not a function', 'x is not a function'].map(
      (text) => new TypeError(text),
    );
    expect(failAll([...bugs, new RangeError('x is not a function')])).toEqual([true, true, false, true]);
  });

  it('takes texts that differ in numbers only for one bug', () => {
    expect(failAll([new Error('stream 7 has ended'), new Error('stream 9 has ended')])).toEqual([true, false]);
  });
});
