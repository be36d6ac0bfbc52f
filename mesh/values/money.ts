import type { JsonObject, JsonValue } from './json.ts';

/** An amount in the smallest unit of its currency: USD 12.34 has 1234 minor units. */
export interface Money {
  /** ISO 4217: `USD`. */
  readonly currencyCode: string;
  readonly minorUnits: bigint;
}

/** Encodes money for stored JSON: `{"currency":"USD","minorUnits":"1234"}`. */
export function moneyToJson({ currencyCode, minorUnits }: Money): JsonObject {
  return { currency: currencyCode, minorUnits: minorUnits.toString() };
}

/** Decodes what `moneyToJson` made. */
export function moneyFromJson(value: JsonValue | undefined): Money {
  const { currency, minorUnits } = value as { readonly currency: string; readonly minorUnits: string };
  return { currencyCode: currency, minorUnits: BigInt(minorUnits) };
}
