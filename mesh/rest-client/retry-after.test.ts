import { describe, expect, it, vi } from 'vitest';
import { readRetryAfter } from './retry-after.ts';

const sent = 'Sun, 06 Nov 1994 08:49:37 GMT';

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['2', 2_000],
    [' 120 ', 120_000],
    ['Sun, 06 Nov 1994 08:49:40 GMT', 3_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  ])('of %j is a time to wait', (text, delayMs) => {
    expect(readRetryAfter(text, sent)).toBe(delayMs);
  });

  it.each([undefined, '', '-1', '1.5', 'soon', '1e3', '99999999999', '0x10', 'Sun, 99 Nov 1994 08:49:37 GMT'])(
    'of %j asks for nothing',
    (text) => {
      expect(readRetryAfter(text, sent)).toBeUndefined();
    },
  );

  it('as a date is read by the own clock if the server sends no readable Date', () => {
    vi.useFakeTimers({ now: Date.parse(sent), toFake: ['Date'] });
    try {
      for (const date of [undefined, 'today'])
        expect(readRetryAfter('Sun, 06 Nov 1994 08:49:42 GMT', date)).toBe(5_000);
    } finally {
      vi.useRealTimers();
    }
  });
});
