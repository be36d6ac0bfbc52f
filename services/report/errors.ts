import { defineError, Status } from '#mesh';

export const revenueTooLarge = defineError({
  reason: 'REVENUE_TOO_LARGE',
  code: Status.OUT_OF_RANGE,
  means: "an item's revenue does not fit into 64 bits",
  fix: 'set `limit` to list the items before it',
  text: ({
    sku,
    currencyCode,
    revenue,
  }: {
    readonly sku: string;
    readonly currencyCode: string;
    readonly revenue: bigint;
  }) =>
    `revenue of ${sku} in ${currencyCode} is ${revenue} minor units, more than an int64 can hold: set limit to list the items before it`,
});
