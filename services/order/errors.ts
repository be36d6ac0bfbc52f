import { defineError, defineReason, invalidRequest, type MeshError, Status } from '#mesh';

export const orderNotFound = defineError({
  reason: 'ORDER_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no order has this id',
  fix: 'check the id',
  text: ({ orderId }: { readonly orderId: string }) => `order "${orderId}" not found: check its id`,
});

export const orderNotCancellable = defineError({
  reason: 'ORDER_NOT_CANCELLABLE',
  code: Status.FAILED_PRECONDITION,
  means: 'the order has ended, or can only complete; the metadata has its state',
  fix: 'watch it',
  text: ({
    orderId,
    state,
    hasEnded,
  }: {
    readonly orderId: string;
    readonly state: string;
    readonly hasEnded: boolean;
  }) =>
    hasEnded
      ? `order "${orderId}" is already ${state} and cannot be cancelled`
      : `order "${orderId}" is ${state} and can no longer be cancelled: watch it to see how it ends`,
  metadata: ({ orderId, state }) => ({ order_id: orderId, state }),
});

export const tooManyOrders = defineError({
  reason: 'TOO_MANY_ORDERS',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'more orders are unfinished than can be completed in five minutes; the metadata has both numbers',
  fix: 'repeat with the same `request_id` after the time in RetryInfo',
  text: (backlog: { readonly unfinished: number; readonly limit: number; readonly retryAfterMs: number }) =>
    `${backlog.unfinished} orders are unfinished and at most ${backlog.limit} can be completed in time: ` +
    `place this one again in ${Math.ceil(backlog.retryAfterMs / 1_000)} s`,
  metadata: ({ unfinished, limit }) => ({ unfinished, limit }),
});

export const unknownUser = defineError({
  reason: 'UNKNOWN_USER',
  code: Status.FAILED_PRECONDITION,
  means: 'the user of the order does not exist',
  fix: 'create the user',
  text: ({ userId }: { readonly userId: string }) => `user "${userId}" not found: create the user before ordering`,
});

export const unknownItems = defineError({
  reason: 'UNKNOWN_ITEM',
  code: Status.FAILED_PRECONDITION,
  means: 'an item of the order does not exist; the metadata has each unknown sku',
  fix: 'order items that ListItems returns',
  text: ({ skus }: { readonly skus: readonly string[] }) =>
    `item ${skus.map((sku) => `"${sku}"`).join(', ')} not found: order items that ListItems returns`,
});

export const itemsOfDifferentCurrencies = defineError({
  reason: 'CURRENCY_MISMATCH',
  code: Status.FAILED_PRECONDITION,
  means: 'the items of the order are priced in several currencies',
  fix: 'place one order for each currency',
  text: ({ currencies }: { readonly currencies: readonly string[] }) =>
    `items are priced in ${currencies.join(' and ')}: place one order for each currency`,
});

/** INVALID_ARGUMENT: the total of an order. */
export function amountTooLarge(): MeshError {
  return invalidRequest([{ field: 'items', description: 'the total must fit into 64 bits: order less at a time' }]);
}

/** INVALID_ARGUMENT: names each line whose sku came before. */
export function repeatedSkus(repeats: readonly { readonly index: number; readonly sku: string }[]): MeshError {
  return invalidRequest(
    repeats.map(({ index, sku }) => ({
      field: `items[${index}].sku`,
      description: `must not repeat a sku, but ${sku} is in an earlier line`,
    })),
  );
}

export const cancelledByUser = defineReason({
  reason: 'CANCELLED_BY_USER',
  means: 'CancelOrder was called',
  fix: 'nothing',
  seenIn: 'orders',
});
