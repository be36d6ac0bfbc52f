import { defineReason } from '#mesh';

const inAudits = { seenIn: 'audits' } as const;
const releaseOrAdjust =
  'ReleaseStock if it is reserved; if it is COMMITTED, count the item and correct it with AdjustStock';

export const chargeWithoutOrder = defineReason({
  ...inAudits,
  reason: 'CHARGE_WITHOUT_ORDER',
  means: 'a payment is charged for an order that does not exist',
  fix: 'Refund it',
});

export const chargeOfUnknownOwner = defineReason({
  ...inAudits,
  reason: 'CHARGE_OF_UNKNOWN_OWNER',
  means: 'the owner of a charge is not a service of the mesh, or does not report its ids',
  fix: 'give that service `ownIds`, or an address in DISCOVERY_URL; Refund the charge if there is no such service',
});

export const chargeUnknownToOwner = defineReason({
  ...inAudits,
  reason: 'CHARGE_UNKNOWN_TO_OWNER',
  means: 'a service was paid under an id that it does not know',
  fix: 'find out why; Refund it if nothing needs it',
});

export const chargeOfEndedOrder = defineReason({
  ...inAudits,
  reason: 'CHARGE_OF_ENDED_ORDER',
  means: 'the payment of a FAILED or CANCELLED order is not refunded',
  fix: 'Refund it',
});

export const chargeDiffers = defineReason({
  ...inAudits,
  reason: 'CHARGE_DIFFERS',
  means: 'a payment has a different amount or user than its order',
  fix: 'compare both; refund or charge the difference',
});

export const refundOfCompletedOrder = defineReason({
  ...inAudits,
  reason: 'REFUND_OF_COMPLETED_ORDER',
  means: 'the payment of a COMPLETED order was refunded',
  fix: 'find out why; charge again if it was a mistake',
});

export const orderNotCharged = defineReason({
  ...inAudits,
  reason: 'ORDER_NOT_CHARGED',
  means: 'a PAID, SHIPPED or COMPLETED order has no charged payment',
  fix: 'look at its saga',
});

export const reservationWithoutOrder = defineReason({
  ...inAudits,
  reason: 'RESERVATION_WITHOUT_ORDER',
  means: 'stock is reserved or taken out for an order that does not exist',
  fix: releaseOrAdjust,
});

export const reservationOfUnknownOwner = defineReason({
  ...inAudits,
  reason: 'RESERVATION_OF_UNKNOWN_OWNER',
  means: 'the owner of a reservation is not a service of the mesh, or does not report its ids',
  fix: 'give that service `ownIds`, or an address in DISCOVERY_URL; ReleaseStock if there is no such service',
});

export const reservationUnknownToOwner = defineReason({
  ...inAudits,
  reason: 'RESERVATION_UNKNOWN_TO_OWNER',
  means: 'a service reserved stock under an id that it does not know',
  fix: 'find out why; ReleaseStock if nothing needs it',
});

export const reservationOfEndedOrder = defineReason({
  ...inAudits,
  reason: 'RESERVATION_OF_ENDED_ORDER',
  means: 'an order has ended, and its stock is still reserved, or was taken out although it did not complete',
  fix: releaseOrAdjust,
});

export const stockTakenEarly = defineReason({
  ...inAudits,
  reason: 'STOCK_TAKEN_EARLY',
  means: 'the stock of an order was taken out before it was SHIPPED',
  fix: 'find out what called CommitStock',
});

export const orderNotReserved = defineReason({
  ...inAudits,
  reason: 'ORDER_NOT_RESERVED',
  means: 'an order that is RESERVED or further has no reservation, or one in the wrong state',
  fix: 'look at its saga',
});

export const reservationDiffers = defineReason({
  ...inAudits,
  reason: 'RESERVATION_DIFFERS',
  means: 'a reservation has different items than its order',
  fix: 'compare both; correct the stock with AdjustStock',
});
