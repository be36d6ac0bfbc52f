import { describe, expect, it } from 'vitest';
import { isUuid } from '../../contract/formats.ts';
import { requestIdOfKey } from './idempotency-key.ts';

const path = '/order.v1.OrderService/PlaceOrder';
const idOf = (key: string) => requestIdOfKey(key, path);

describe('an idempotency key', () => {
  it('that is a UUID is the request_id, in lower case', () => {
    const uuid = '01890A5D-AC96-774B-BCCE-B302099A8057';
    for (const key of [uuid, `"${uuid}"`, ` ${uuid} `, uuid.toLowerCase()]) expect(idOf(key)).toBe(uuid.toLowerCase());
  });

  it('of another kind becomes the same UUID each time', () => {
    // Also in other releases: a caller may repeat a request during an update.
    expect(idOf('order-17')).toBe('8d0a9494-1d7d-5743-8c21-6e0010649a98');
    expect(isUuid(idOf('order-17'))).toBe(true);
    for (const key of ['"order-17"', ' order-17']) expect(idOf(key)).toBe(idOf('order-17'));
  });

  it('is another one for another key, or another method', () => {
    const ids = [
      idOf('a'),
      idOf('b'),
      idOf('A'),
      idOf('"a "'),
      idOf('"a\\"b"'),
      idOf('"a\\\\b"'),
      requestIdOfKey('a', '/payment.v1.AccountService/Deposit'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('may have 255 characters', () => {
    expect(isUuid(idOf('k'.repeat(255)))).toBe(true);
    expect(isUuid(idOf(`"${'\\"'.repeat(255)}"`))).toBe(true);
  });

  it.each([
    '',
    ' ',
    '""',
    'k'.repeat(256),
    `"${'k'.repeat(256)}"`,
    'two words',
    // Two headers.
    'a, b',
    '"a", "b"',
    '"a',
    'a"',
    '"a"b"',
    '"a\\n"',
    '"a";p=1',
    'ä',
    'ключ',
    'a\u0000',
    'a\u007f',
    '"a\tb"',
  ])('is refused as %j', (key) => {
    expect(() => idOf(key)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_HEADER',
        violations: [{ field: 'Idempotency-Key', description: expect.stringContaining('visible ASCII characters') }],
      }),
    );
  });
});
