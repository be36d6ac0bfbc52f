import { describe, expect, it } from 'vitest';
import { checksumOf } from './checksum.ts';

describe('a checksum', () => {
  it('differs for values with different types, lengths or places', () => {
    const lists = [
      ['1'],
      [1n],
      [1],
      [null],
      [],
      [Buffer.from('1')],
      ['', '1'],
      ['1', ''],
      ['12', '3'],
      ['1', '23'],
      [Buffer.from('1'), Buffer.from('2')],
      [Buffer.from('12')],
      [Buffer.from('1'), '2'],
    ];
    expect(new Set(lists.map((values) => checksumOf(values))).size).toBe(lists.length);
  });

  it('detects each flipped bit', () => {
    const bytes = Buffer.from('a text of some length');
    const whole = checksumOf([bytes]);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(checksumOf([flipped])).not.toBe(whole);
    }
  });

  it('is the same for a text as written and as returned by a database', () => {
    expect(checksumOf(['x\ud800y'])).toBe(checksumOf(['x\ufffdy']));
  });

  it('continues from the checksum of what comes before', () => {
    expect(checksumOf(['b'], checksumOf(['a']))).not.toBe(checksumOf(['b'], checksumOf(['c'])));
  });
});
