import { type OrderItem, type Order as ProtoOrder, OrderState as ProtoState } from '#gen/order/v1/order.ts';
import type { Order, OrderLine, OrderState } from './order.ts';
import { etagOf, orderStates } from './order.ts';

export function toProto(order: Order): ProtoOrder {
  return {
    id: order.id,
    userId: order.userId,
    items: order.lines.map(toItem),
    total: order.total,
    state: ProtoState[`ORDER_STATE_${order.state}`],
    failure: order.failure,
    paymentId: order.paymentId,
    shipmentId: order.shipmentId,
    shippingAddress: { ...order.shippingAddress, lines: [...order.shippingAddress.lines] },
    createTime: new Date(order.createTimeMs),
    updateTime: new Date(order.updateTimeMs),
    etag: etagOf(order),
  };
}

/** The state of a filter; undefined for any. */
export function stateOf(state: ProtoState): OrderState | undefined {
  return orderStates.find((name) => ProtoState[`ORDER_STATE_${name}`] === state);
}

export function toItem(line: OrderLine): OrderItem {
  return { sku: line.sku, quantity: line.quantity, unitPrice: line.unitPrice };
}
