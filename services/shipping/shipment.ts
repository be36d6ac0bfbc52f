import type { Address } from '#mesh';

/** The life of a shipment, as in the contract. */
export type ShipmentState = 'PENDING' | 'BOOKED' | 'REFUSED' | 'CANCELLING' | 'CANCELLED';

export interface ShipmentOrder {
  readonly orderId: string;
  readonly paymentId: string;
  readonly address: Address;
  /** The order's user. Empty: not known. */
  readonly userId: string;
}

/** The shipment of an order. One that was cancelled before it was created has neither payment nor address. */
export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly paymentId: string;
  readonly address: Address | undefined;
  readonly state: ShipmentState;
  readonly carrier: string;
  readonly trackingNumber: string;
  /** Why the carrier refused it. */
  readonly refusal: string;
  /** The number of published changes: only those that the carrier has answered. */
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  /** The order's user. Empty: not known. */
  readonly userId: string;
}

/** A new shipment, which the carrier does not know yet. */
export function pendingShipment(id: string, order: ShipmentOrder, timeMs: number): Shipment {
  return {
    ...untouched(id, order.orderId, timeMs),
    paymentId: order.paymentId,
    address: order.address,
    userId: order.userId,
    state: 'PENDING',
  };
}

/** Records a cancellation that came before the shipment: it prevents a later one. */
export function cancelledBeforehand(id: string, orderId: string, timeMs: number): Shipment {
  return { ...untouched(id, orderId, timeMs), state: 'CANCELLED', version: 1n };
}

/** Whether a shipment was cancelled, or is being cancelled. */
export function isCancelled({ state }: Shipment): boolean {
  return state === 'CANCELLED' || state === 'CANCELLING';
}

/**
 * Whether a cancelled shipment may have a booking that reached the carrier after the cancellation: one was sent, and whoever sent
 * it did not get, or could not record, the answer.
 */
export function mayHaveLateBooking(shipment: Shipment): boolean {
  return isCancelled(shipment) && shipment.paymentId !== '' && shipment.trackingNumber === '';
}

/** Whether a shipment matches this order. */
export function isShipmentOf(shipment: Shipment, order: ShipmentOrder): boolean {
  return shipment.paymentId === order.paymentId && JSON.stringify(shipment.address) === JSON.stringify(order.address);
}

function untouched(id: string, orderId: string, timeMs: number): Omit<Shipment, 'state'> {
  return {
    id,
    orderId,
    paymentId: '',
    address: undefined,
    carrier: '',
    trackingNumber: '',
    refusal: '',
    version: 0n,
    createTimeMs: timeMs,
    updateTimeMs: timeMs,
    userId: '',
  };
}
