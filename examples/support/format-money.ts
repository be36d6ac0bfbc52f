import type { Money } from '#gen/common/v1/common.ts';

/** Formats money in a currency with two decimals, such as `USD 19.99`. */
export function formatMoney({ currencyCode, minorUnits }: Money): string {
  const digits = minorUnits.toString().padStart(3, '0');
  return `${currencyCode} ${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
