import { type Reservation, ReservationState, reservationStateToJSON } from '#gen/inventory/v1/inventory.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import type { Finding } from '#mesh';
import {
  orderNotReserved,
  reservationDiffers,
  reservationOfEndedOrder,
  reservationWithoutOrder,
  stockTakenEarly,
} from './errors.ts';
import { isUndone, orderStateText } from './order-states.ts';

const { RESERVATION_STATE_RESERVED: reserved, RESERVATION_STATE_COMMITTED: committed } = ReservationState;

/** The states of a reservation by the state of its order. In other states of the order, work in progress explains any. */
const dueStates: ReadonlyMap<OrderState, readonly ReservationState[]> = new Map([
  [OrderState.ORDER_STATE_RESERVED, [reserved]],
  [OrderState.ORDER_STATE_PAID, [reserved]],
  [OrderState.ORDER_STATE_SHIPPED, [reserved, committed]],
  [OrderState.ORDER_STATE_COMPLETED, [committed]],
]);

/** States of an order in which its stock cannot have left the warehouse. */
const earlyStates: ReadonlySet<OrderState> = new Set([
  OrderState.ORDER_STATE_PENDING,
  OrderState.ORDER_STATE_RESERVED,
  OrderState.ORDER_STATE_PAID,
]);

/** Returns what is wrong with an order and its reservation. `undefined`: nothing, or work in progress explains it. */
export function judgeReservation(
  orderId: string,
  order: Order | undefined,
  reservation: Reservation | undefined,
): Finding | undefined {
  const ids = [orderId];
  const holds = reservation?.state === reserved || reservation?.state === committed;
  const has = reservation ? `its reservation is ${stateText(reservation)}` : 'it has no reservation';
  if (!order) {
    if (!holds) return undefined;
    const message = `a reservation is ${stateText(reservation)} for order ${orderId}, which does not exist`;
    return { reason: reservationWithoutOrder.reason, ids, message };
  }
  const message = `order ${orderId} is ${orderStateText(order.state)}, but ${has}`;
  const isHeldByEnded = order.state === OrderState.ORDER_STATE_COMPLETED && reservation?.state === reserved;
  if (isHeldByEnded || (holds && isUndone(order.state)))
    return { reason: reservationOfEndedOrder.reason, ids, message };
  const isEarly = earlyStates.has(order.state) && reservation?.state === committed;
  if (isEarly) return { reason: stockTakenEarly.reason, ids, message };
  const due = dueStates.get(order.state);
  if (due && !(reservation && due.includes(reservation.state)))
    return { reason: orderNotReserved.reason, ids, message };
  return holds ? judgeItems(order, reservation) : undefined;
}

function judgeItems({ id, items }: Order, reservation: Reservation): Finding | undefined {
  const [ordered, held] = [listItems(items), listItems(reservation.items)];
  if (ordered === held) return undefined;
  const message = `order ${id} is of ${ordered}, but its reservation of ${held}`;
  return { reason: reservationDiffers.reason, ids: [id], message };
}

/** Neither list has a sku twice. */
function listItems(items: readonly { readonly sku: string; readonly quantity: number | bigint }[]): string {
  const lines = items.map(({ sku, quantity }) => `${quantity} "${sku}"`);
  return lines.toSorted().join(', ') || 'nothing';
}

function stateText({ state }: Reservation): string {
  return reservationStateToJSON(state).replace('RESERVATION_STATE_', '');
}
