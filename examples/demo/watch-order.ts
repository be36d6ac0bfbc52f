import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import type { Mesh } from '../support/mesh.ts';
import { patiently } from './patience.ts';

const terminal: ReadonlySet<OrderState> = new Set([
  OrderState.ORDER_STATE_COMPLETED,
  OrderState.ORDER_STATE_FAILED,
  OrderState.ORDER_STATE_CANCELLED,
]);

/**
 * Watches an order to its end and shows each change. A watch that is cut starts again: it begins with the order as it is,
 * so that nothing of importance is missed, and what was seen before is known by its etag.
 */
export function watchOrder(mesh: Mesh, id: string, show: (order: Order) => void): Promise<Order> {
  let seen: Order | undefined;
  return patiently(mesh, async () => {
    for await (const order of mesh.orders.watchOrder({ id })) {
      if (order.etag !== seen?.etag) show(order);
      seen = order;
    }
    if (seen === undefined || !terminal.has(seen.state)) throw new Error(`the watch of order ${id} ended too early`);
    return seen;
  });
}

/** `COMPLETED` */
export function stateName(state: OrderState): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}
