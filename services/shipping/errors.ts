import { defineError, Status } from '#mesh';

export const shipmentNotFound = defineError({
  reason: 'SHIPMENT_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'the order has no shipment',
  fix: 'check the id',
  text: ({ orderId }: { readonly orderId: string }) => `order "${orderId}" has no shipment: create it first`,
});

export const shipmentExists = defineError({
  reason: 'SHIPMENT_EXISTS',
  code: Status.ALREADY_EXISTS,
  means: 'the order was already shipped with another payment or to another address',
  fix: 'repeat the same request or place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `order "${orderId}" was already shipped with another payment or to another address: repeat that request or place another order`,
});

export const shipmentCancelled = defineError({
  reason: 'SHIPMENT_CANCELLED',
  code: Status.FAILED_PRECONDITION,
  means: 'the shipment was cancelled, and an order has only one',
  fix: 'place another order',
  text: ({ orderId }: { readonly orderId: string }) =>
    `shipment of order "${orderId}" was cancelled, and an order has only one: place another order`,
});

export const carrierRefused = defineError({
  reason: 'CARRIER_REFUSED',
  code: Status.FAILED_PRECONDITION,
  means: 'the carrier refused the shipment',
  fix: 'see the text, and place another order to another address',
  text: ({ orderId, refusal }: { readonly orderId: string; readonly refusal: string }) =>
    `carrier refused order "${orderId}" (${refusal}): place another order to another address`,
  metadata: ({ orderId }) => ({ order_id: orderId }),
});

/** `failure` completes "carrier …": "answered HTTP 503". */
export const carrierUnavailable = defineError({
  reason: 'CARRIER_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the carrier cannot be reached, or it is unknown whether it acted',
  fix: 'repeat with the same `request_id`; if it lasts, check `CARRIER_URL`',
  text: ({ failure }: { readonly failure: string }) =>
    `carrier ${failure}, so it is unknown whether it acted: call again with the same request_id; if this lasts, check CARRIER_URL`,
  publicText: 'carrier gave no clear answer, so it is unknown whether it acted: call again with the same request_id',
  metadata: () => ({}),
});

/** No connection was made, so the carrier has not acted. */
export const carrierUnreachable = carrierUnavailable.variant({
  text: ({ errno }: { readonly errno: string }) =>
    `carrier cannot be reached (${errno}): call again with the same request_id; if this lasts, check CARRIER_URL`,
  publicText: 'carrier cannot be reached: call again with the same request_id',
  metadata: () => ({}),
});
