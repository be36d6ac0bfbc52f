import type { Address } from '#mesh';

/** The life of a shipment, as in the contract. */
export type ShipmentState = 'PENDING' | 'BOOKED' | 'REFUSED' | 'CANCELLING' | 'CANCELLED';

/** What is to be shipped. */
export interface ShipmentOrder {
  readonly orderId: string;
  readonly paymentId: string;
  readonly address: Address;
}

/** A shipment. One that was cancelled before it was asked for has neither payment nor address. */
export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly paymentId: string;
  readonly address: Address | undefined;
  readonly state: ShipmentState;
  readonly carrier: string;
  readonly trackingNumber: string;
  /** What the carrier said when it refused. */
  readonly refusal: string;
  /** How many changes were published; what was only asked for is not one. */
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A shipment that is asked for, of which the carrier knows nothing yet. */
export function pendingShipment(id: string, order: ShipmentOrder, timeMs: number): Shipment {
  return {
    ...untouched(id, order.orderId, timeMs),
    paymentId: order.paymentId,
    address: order.address,
    state: 'PENDING',
  };
}

/** What is kept of a cancellation that came before anything was asked for: it forbids a later shipment. */
export function cancelledBeforehand(id: string, orderId: string, timeMs: number): Shipment {
  return { ...untouched(id, orderId, timeMs), state: 'CANCELLED', version: 1n };
}

/** Whether a shipment is what this order asks for. */
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
  };
}
