import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactInteger } from './decimal.ts';

describe('the exact integer of a decimal number', () => {
  it.each([
    ['0', 0n],
    ['-0', 0n],
    ['0.000', 0n],
    ['0e999999999999999999999', 0n],
    ['18446744073709551615', 18446744073709551615n],
    ['1.5e1', 15n],
    ['-12.50E+1', -125n],
    ['1200e-2', 12n],
    ['1.000', 1n],
    ['1e19', 10n ** 19n],
  ])('of %s is %s', (text, value) => {
    expect(exactInteger(text)).toBe(value);
  });

  it.each([
    '1.5',
    '1e-1',
    '1e20',
    '123456789012345678901',
    '1e999999999999999999999',
    '',
    ' 1',
    '1 ',
    '01',
    '+1',
    '.5',
    '1.',
    '0x1',
    '1n',
    '1_0',
    'NaN',
    '٣',
  ])('does not exist for %j', (text) => {
    expect(exactInteger(text)).toBeUndefined();
  });

  it('is the same however the number is written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.nat(30), (value, shift) => {
        const digits = `${value < 0n ? -value : value}`;
        const sign = value < 0n ? '-' : '';
        expect(exactInteger(`${sign}${digits}`)).toBe(value);
        expect(exactInteger(`${sign}${digits}${'0'.repeat(shift)}e-${shift}`)).toBe(value);
        expect(exactInteger(`${sign}0.${'0'.repeat(shift)}${digits}e${digits.length + shift}`)).toBe(value);
      }),
    );
  });

  it('takes a megabyte of zeros in no time', () => {
    const zeros = '0'.repeat(1_000_000);
    const start = process.cpuUsage().user;
    expect(exactInteger(`1${zeros}1`)).toBeUndefined();
    expect(exactInteger(`0.${zeros}1e1000001`)).toBe(1n);
    expect(process.cpuUsage().user - start).toBeLessThan(1_000_000);
  });
});
