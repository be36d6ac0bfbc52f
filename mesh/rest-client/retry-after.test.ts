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
    ['Sunday, 06-Nov-94 08:49:40 GMT', 3_000],
    ['Sun Nov  6 08:49:40 1994', 3_000],
    ['Wed Nov 16 08:49:37 1994', 864_000_000],
    ['99999999999', 99_999_999_999_000],
    ['9'.repeat(400), Number.POSITIVE_INFINITY],
  ])('of %j is a time to wait', (text, delayMs) => {
    expect(readRetryAfter(text, sent)).toBe(delayMs);
  });

  it.each([undefined, '', '-1', '1.5', 'soon', '1e3', '0x10', 'Sun, 99 Nov 1994 08:49:37 GMT', 'Sun Nov 6 1994'])(
    'of %j asks for nothing',
    (text) => {
      expect(readRetryAfter(text, sent)).toBeUndefined();
    },
  );

  it.each([
    ['99', '1999-01-01'],
    ['40', '2040-01-01'],
  ])('of the year %s is that of the nearest century', (year, date) => {
    vi.useFakeTimers({ now: Date.parse('2026-01-01'), toFake: ['Date'] });
    try {
      const waitMs = Math.max(0, Date.parse(date) - Date.now());
      expect(readRetryAfter(`Friday, 01-Jan-${year} 00:00:00 GMT`, undefined)).toBe(waitMs);
    } finally {
      vi.useRealTimers();
    }
  });

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
