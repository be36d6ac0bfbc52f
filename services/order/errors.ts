import { Status } from 'nice-grpc-common';
import { invalidRequest, MeshError } from '../../mesh/errors/mesh-error.ts';

export function orderNotFound(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'ORDER_NOT_FOUND', `there is no order ${id}`, { metadata: { order_id: id } });
}

export function orderNotCancellable(id: string, state: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'ORDER_NOT_CANCELLABLE',
    `order ${id} is ${state} and cannot be cancelled any more: watch it to see how it ends`,
    { metadata: { order_id: id, state } },
  );
}

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

export function itemsOfDifferentCurrencies(currencies: readonly string[]): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'CURRENCY_MISMATCH',
    `the items are priced in ${currencies.join(' and ')}: place an order for each currency`,
    { metadata: { currencies: currencies.join(',') } },
  );
}

export function amountTooLarge(): MeshError {
  return invalidRequest([{ field: 'items', description: 'the total must fit into 64 bits: order less at a time' }]);
}

export function repeatedSku(index: number, sku: string): MeshError {
  return invalidRequest([
    { field: `items[${index}].sku`, description: `must be named once in an order, but ${sku} was named before` },
  ]);
}
