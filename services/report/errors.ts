import { Status } from 'nice-grpc-common';
import { MeshError } from '#mesh';

/** INVALID_ARGUMENT `UNDECODABLE`: an event of an order lacks what reports need. */
export function unreadableEvent(problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNDECODABLE',
    `the order's event cannot be read: ${problem}; mend its producer, or discard it`,
  );
}

/** OUT_OF_RANGE `REVENUE_TOO_LARGE`: its metadata has the item and the revenue. */
export function revenueTooLarge(sku: string, currencyCode: string, revenue: bigint): MeshError {
  return new MeshError(
    Status.OUT_OF_RANGE,
    'REVENUE_TOO_LARGE',
    `the revenue of ${sku} in ${currencyCode} is ${revenue} minor units, more than an int64 holds: ask with limit for those before it`,
    { metadata: { sku, currency_code: currencyCode, revenue: revenue.toString() } },
  );
}
