import { OrderEvent } from '#gen/order/v1/events.ts';
import type { DomainEvent } from '#mesh';
import type { Order, OrderState } from './order.ts';
import { toProto } from './proto.ts';

/** Where orders tell of their changes. */
export const orderTopic = 'order.events';

/** The type of the event that brings an order into a state: PENDING is `ORDER_PLACED`. */
function eventType(state: OrderState): string {
  return state === 'PENDING' ? 'ORDER_PLACED' : `ORDER_${state}`;
}

/** The event of the change that made this version of the order. */
export function orderEvent(order: Order): DomainEvent {
  const type = eventType(order.state);
  const proto = toProto(order);
  const message: OrderEvent = {
    type,
    orderId: order.id,
    userId: order.userId,
    total: proto.total,
    timestamp: proto.updateTime,
    version: order.version,
    order: proto,
  };
  return {
    topic: orderTopic,
    key: order.id,
    type,
    version: order.version,
    timeMs: order.updateTimeMs,
    json: OrderEvent.toJSON(message),
  };
}
