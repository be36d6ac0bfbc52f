import type { JsonObject, JsonValue } from '#mesh';
import type { Money } from '../domain/money.ts';

/** An amount as stored JSON has it: minor units as text, since JSON's numbers end at 2^53. */
export function moneyToJson({ currencyCode, minorUnits }: Money): JsonObject {
  return { currency: currencyCode, minorUnits: minorUnits.toString() };
}

/** The amount that stored JSON has. */
export function moneyOfJson(value: JsonValue | undefined): Money {
  const { currency, minorUnits } = value as { readonly currency: string; readonly minorUnits: string };
  return { currencyCode: currency, minorUnits: BigInt(minorUnits) };
}
