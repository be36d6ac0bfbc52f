import { Status } from 'nice-grpc-common';
import { invalidRequest, MeshError } from '#mesh';

/** NOT_FOUND `ORDER_NOT_FOUND`. */
export function orderNotFound(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'ORDER_NOT_FOUND', `there is no order ${id}: check its id`, {
    metadata: { order_id: id },
  });
}

/** FAILED_PRECONDITION `ORDER_NOT_CANCELLABLE`: its metadata has the state. */
export function orderNotCancellable(id: string, state: string, hasEnded: boolean): MeshError {
  const text = hasEnded
    ? `order ${id} has ended as ${state}: there is nothing left to cancel`
    : `order ${id} is ${state} and cannot be cancelled any more: watch it to see how it ends`;
  return new MeshError(Status.FAILED_PRECONDITION, 'ORDER_NOT_CANCELLABLE', text, {
    metadata: { order_id: id, state },
  });
}

/**
 * RESOURCE_EXHAUSTED `TOO_MANY_ORDERS`: says when there may be room again, and up to a fifth more, so that not all who are
 * refused come back together.
 */
export function tooManyOrders(backlog: {
  readonly unfinished: number;
  readonly limit: number;
  readonly retryAfterMs: number;
}): MeshError {
  const { unfinished, limit } = backlog;
  const retryAfterMs = Math.round(backlog.retryAfterMs * (1 + 0.2 * Math.random()));
  return new MeshError(
    Status.RESOURCE_EXHAUSTED,
    'TOO_MANY_ORDERS',
    `${unfinished} orders are unfinished and no more than ${limit} can be worked off in time: ` +
      `place this one again in ${Math.ceil(retryAfterMs / 1_000)} s`,
    { metadata: { unfinished: String(unfinished), limit: String(limit) }, retryAfterMs },
  );
}

/** FAILED_PRECONDITION `UNKNOWN_USER`. */
export function unknownUser(id: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'UNKNOWN_USER',
    `there is no user ${id} to order for: create the user first`,
    {
      metadata: { user_id: id },
    },
  );
}

/** FAILED_PRECONDITION `UNKNOWN_ITEM`: its metadata has each unknown sku. */
export function unknownItems(skus: readonly string[]): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'UNKNOWN_ITEM',
    `there is no item ${skus.join(', ')}: order what ListItems shows`,
    {
      metadata: { skus: skus.join(',') },
    },
  );
}

/** FAILED_PRECONDITION `CURRENCY_MISMATCH`: its metadata has the currencies. */
export function itemsOfDifferentCurrencies(currencies: readonly string[]): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'CURRENCY_MISMATCH',
    `the items are priced in ${currencies.join(' and ')}: place an order for each currency`,
    { metadata: { currencies: currencies.join(',') } },
  );
}

/** INVALID_ARGUMENT: the total of an order. */
export function amountTooLarge(): MeshError {
  return invalidRequest([{ field: 'items', description: 'the total must fit into 64 bits: order less at a time' }]);
}

/** INVALID_ARGUMENT: names each line whose sku came before. */
export function repeatedSkus(repeats: readonly { readonly index: number; readonly sku: string }[]): MeshError {
  return invalidRequest(
    repeats.map(({ index, sku }) => ({
      field: `items[${index}].sku`,
      description: `must be named once in an order, but ${sku} was named before`,
    })),
  );
}
