import { describe, expect, it } from 'vitest';
import { readableTimeout } from './grpc-timeout.ts';

describe('readableTimeout', () => {
  it.each(['1n', '99999999u', '0m', '10S', '596H'])('keeps %s, which grpc-js reads correctly', (timeout) => {
    expect(readableTimeout(timeout)).toBe(timeout);
  });

  it.each(['597H', '35792M', '2147484S', '99999999H'])('shortens %s, which grpc-js reads as negative', (timeout) => {
    expect(readableTimeout(timeout)).toBe('2147483S');
  });

  it.each(['', 'S', '5', '5s', '123456789S', '5S, 5S', '０S'])('returns undefined for the invalid %j', (timeout) => {
    expect(readableTimeout(timeout)).toBeUndefined();
  });
});
