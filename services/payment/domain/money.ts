/** An amount in the smallest unit of its currency. */
export interface Money {
  readonly currencyCode: string;
  readonly minorUnits: bigint;
}
