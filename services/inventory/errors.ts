import { defineError, defineReason, Status } from '#mesh';
import { maxOnHand } from './domain/item.ts';

/** Stock that was requested and is not available. */
export interface Shortage {
  readonly sku: string;
  readonly requested: bigint;
  readonly available: bigint;
}

export const itemsNotFound = defineError({
  reason: 'ITEM_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no item has this sku',
  fix: 'check the sku or create the item',
  text: ({ skus }: { readonly skus: readonly string[] }) =>
    `item ${skus.map((sku) => `"${sku}"`).join(', ')} not found: check the sku or create the item`,
});

export const skuTaken = defineError({
  reason: 'SKU_TAKEN',
  code: Status.ALREADY_EXISTS,
  means: 'another item has this sku',
  fix: "choose another sku or adjust that item's stock",
  text: ({ sku }: { readonly sku: string }) =>
    `sku "${sku}" is taken by another item: choose another or adjust the stock of that item`,
});

export const insufficientStock = defineError({
  reason: 'INSUFFICIENT_STOCK',
  code: Status.FAILED_PRECONDITION,
  means: 'less is available than requested; the metadata has `requested/available` for each sku',
  fix: 'request less or add stock',
  text: ({ shortages }: { readonly shortages: readonly Shortage[] }) => {
    const list = shortages.map(({ sku, requested, available }) => `${requested} of "${sku}" (${available} available)`);
    return `not enough stock for ${list.join(', ')}: nothing was taken; request less or add stock`;
  },
  metadata: ({ shortages }) =>
    Object.fromEntries(shortages.map(({ sku, requested, available }) => [sku, `${requested}/${available}`])),
});

export const stockLimit = defineError({
  reason: 'STOCK_LIMIT',
  code: Status.OUT_OF_RANGE,
  means: 'the item would exceed the maximum stock on hand',
  fix: 'add less',
  text: ({ sku }: { readonly sku: string }) =>
    `item "${sku}" would have more than ${maxOnHand} on hand: its stock is unchanged; add less`,
  metadata: ({ sku }) => ({ sku, max_on_hand: maxOnHand }),
});

export const reservationNotFound = defineError({
  reason: 'RESERVATION_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'the order has no reservation',
  fix: 'reserve stock first',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" has no reservation: reserve stock for it first`,
});

export const reservationExists = defineError({
  reason: 'RESERVATION_EXISTS',
  code: Status.ALREADY_EXISTS,
  means: 'the order already has a reservation of other items or for another owner',
  fix: 'place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" already has a reservation of other items or for another owner: place another order`,
});

export const reservationReleased = defineError({
  reason: 'RESERVATION_RELEASED',
  code: Status.FAILED_PRECONDITION,
  means: 'the reservation was released, which is final',
  fix: 'place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `reservation of order "${orderId}" was released, which is final: place another order`,
});

export const reservationCommitted = defineError({
  reason: 'RESERVATION_COMMITTED',
  code: Status.FAILED_PRECONDITION,
  means: 'the reserved stock was taken out, which is final',
  fix: 'adjust the stock',
  text: ({ orderId }: { readonly orderId: string }) =>
    `stock of order "${orderId}" was already taken out, which is final: adjust the stock to put it back`,
});

export const reservedStockDiffers = defineReason({
  reason: 'RESERVED_STOCK_DIFFERS',
  means: 'the reserved stock of an item differs from what open reservations hold',
  fix: 'compare ListReservations with the item; correct `items.reserved`',
  seenIn: 'audits',
});

export const stockOutOfBounds = defineReason({
  reason: 'STOCK_OUT_OF_BOUNDS',
  means: 'the reserved stock of an item is below zero, or more than is on hand',
  fix: 'count it, and correct it with AdjustStock',
  seenIn: 'audits',
});
