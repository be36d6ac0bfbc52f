import { describe, expect, it } from 'vitest';
import { maxUnaryTimeoutMs, readRequestTimeout } from './request-timeout.ts';

const read = (value: string | undefined) => readRequestTimeout(value, maxUnaryTimeoutMs);

describe('a Request-Timeout', () => {
  it.each([
    [undefined, undefined],
    ['5', 5_000],
    [' 2.5 ', 2_500],
    ['0.0001', 1],
    ['007', 7_000],
    ['300', maxUnaryTimeoutMs],
    ['301', maxUnaryTimeoutMs],
    ['9999999999', maxUnaryTimeoutMs],
  ])('of %j s is %s ms', (value, milliseconds) => {
    expect(read(value)).toBe(milliseconds);
  });

  it.each([
    '',
    '0',
    '0.0',
    '-1',
    '+1',
    '5s',
    '1e3',
    '.5',
    '5.',
    '0x10',
    'NaN',
    'Infinity',
    '1,5',
    '5, 6',
    '12345678901',
  ])('is refused as %j', (value) => {
    expect(() => read(value)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_HEADER',
        violations: [expect.objectContaining({ field: 'Request-Timeout' })],
      }),
    );
  });
});
