import {
  type Item as ItemMessage,
  type Reservation as ReservationMessage,
  ReservationState,
} from '../../gen/ts/inventory/v1/inventory.ts';
import type { Item } from './item.ts';
import type { Reservation } from './reservation.ts';

const states = {
  RESERVED: ReservationState.RESERVATION_STATE_RESERVED,
  COMMITTED: ReservationState.RESERVATION_STATE_COMMITTED,
  RELEASED: ReservationState.RESERVATION_STATE_RELEASED,
} as const;

/** The item as callers and consumers see it. */
export function itemToProto(item: Item): ItemMessage {
  return {
    sku: item.sku,
    name: item.name,
    unitPrice: item.unitPrice,
    onHand: item.onHand,
    reserved: item.reserved,
    updateTime: new Date(item.updateTimeMs),
    etag: item.version.toString(),
  };
}

/** The reservation as callers and consumers see it. */
export function reservationToProto(reservation: Reservation): ReservationMessage {
  return {
    orderId: reservation.orderId,
    state: states[reservation.state],
    items: [...reservation.items],
    createTime: new Date(reservation.createTimeMs),
    updateTime: new Date(reservation.updateTimeMs),
  };
}
