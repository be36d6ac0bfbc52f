import { OrderEvent } from '#gen/order/v1/events.ts';
import { type DomainEvent, defineTopic } from '#mesh';
import type { Order, OrderState } from './order.ts';
import { toProto } from './proto.ts';

/** Every change of an order, keyed by the order's id. */
export const orderTopic = defineTopic('order.events', OrderEvent, {
  key: ({ orderId }) => orderId,
  version: ({ version }) => version,
});

/** The event type of a new state: PENDING is `ORDER_PLACED`. */
function eventType(state: OrderState): string {
  return state === 'PENDING' ? 'ORDER_PLACED' : `ORDER_${state}`;
}

/** The event of this version of the order. */
export function orderEvent(order: Order): DomainEvent {
  const proto = toProto(order);
  return orderTopic.event({
    type: eventType(order.state),
    orderId: order.id,
    userId: order.userId,
    total: proto.total,
    timestamp: proto.updateTime,
    version: order.version,
    order: proto,
  });
}
