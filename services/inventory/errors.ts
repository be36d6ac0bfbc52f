import { Status } from 'nice-grpc-common';
import { MeshError } from '#mesh';
import { maxOnHand } from './domain/item.ts';

/** Stock that was asked for and is not there. */
export interface Shortage {
  readonly sku: string;
  readonly requested: bigint;
  readonly available: bigint;
}

/** NOT_FOUND `ITEM_NOT_FOUND`. */
export function itemsNotFound(skus: readonly string[]): MeshError {
  const names = skus.map((sku) => `"${sku}"`).join(', ');
  return new MeshError(
    Status.NOT_FOUND,
    'ITEM_NOT_FOUND',
    `there is no item ${names}: check the sku, or create the item`,
    {
      metadata: { skus: skus.join(',') },
    },
  );
}

/** ALREADY_EXISTS `SKU_TAKEN`. */
export function skuTaken(sku: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'SKU_TAKEN',
    `the sku "${sku}" belongs to another item: choose another one, or adjust the stock of that item`,
    { metadata: { sku } },
  );
}

/** FAILED_PRECONDITION `INSUFFICIENT_STOCK`: its metadata has `requested/available` for each short sku. */
export function insufficientStock(shortages: readonly Shortage[]): MeshError {
  const list = shortages.map(({ sku, requested, available }) => `${requested} of "${sku}" (${available} available)`);
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'INSUFFICIENT_STOCK',
    `there is not enough stock to take ${list.join(', ')}: nothing was taken; ask for less, or add stock`,
    {
      metadata: Object.fromEntries(
        shortages.map(({ sku, requested, available }) => [sku, `${requested}/${available}`]),
      ),
    },
  );
}

/** OUT_OF_RANGE `STOCK_LIMIT`. */
export function stockLimit(sku: string): MeshError {
  return new MeshError(
    Status.OUT_OF_RANGE,
    'STOCK_LIMIT',
    `item "${sku}" would have more than ${maxOnHand} on hand: its stock was left as it was; add less`,
    { metadata: { sku, max_on_hand: maxOnHand.toString() } },
  );
}

/** NOT_FOUND `RESERVATION_NOT_FOUND`. */
export function reservationNotFound(orderId: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'RESERVATION_NOT_FOUND',
    `order "${orderId}" has no reservation: reserve stock for it first`,
    { metadata: { order_id: orderId } },
  );
}

/** ALREADY_EXISTS `RESERVATION_EXISTS`. */
export function reservationExists(orderId: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'RESERVATION_EXISTS',
    `order "${orderId}" has a reservation of other items: an order reserves once; place another order`,
    { metadata: { order_id: orderId } },
  );
}

/** FAILED_PRECONDITION `RESERVATION_RELEASED`. */
export function reservationReleased(orderId: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'RESERVATION_RELEASED',
    `the reservation of order "${orderId}" was released, which is final: place another order`,
    { metadata: { order_id: orderId } },
  );
}

/** FAILED_PRECONDITION `RESERVATION_COMMITTED`. */
export function reservationCommitted(orderId: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'RESERVATION_COMMITTED',
    `the stock of order "${orderId}" has left already, which is final: take it back by adjusting the stock`,
    { metadata: { order_id: orderId } },
  );
}
