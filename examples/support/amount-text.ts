import type { Money } from '#gen/common/v1/common.ts';

/** `USD 19.99`; for currencies with two decimals. */
export function amountText({ currencyCode, minorUnits }: Money): string {
  const digits = minorUnits.toString().padStart(3, '0');
  return `${currencyCode} ${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
