import { randomUUID } from 'node:crypto';
import { OrderEvent } from '#gen/order/v1/events.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import type { NewEvent } from '#mesh';
import { wrapEvent } from '#mesh/testing';
import { type OrderEventType, stateByEventType } from '../order.ts';

/** The order of a test. Default: a lamp for USD 1.00, just placed by Ada. */
export interface OrderDraft {
  readonly orderId: string;
  readonly userId?: string;
  readonly type?: OrderEventType;
  readonly version?: bigint;
  readonly currencyCode?: string;
  /** Sku, quantity, price of one. */
  readonly lines?: readonly (readonly [string, number, bigint])[];
}

/** Returns the message that the order service publishes for an order. */
export function orderMessage({ orderId, type = 'ORDER_PLACED', version = 1n, ...draft }: OrderDraft): OrderEvent {
  const { userId = 'ada', currencyCode = 'USD', lines = [['lamp', 1, 100n]] } = draft;
  const createTime = new Date(1_780_000_000_000);
  const updateTime = new Date(createTime.getTime() + Number(version));
  const total = { currencyCode, minorUnits: lines.reduce((sum, [, count, price]) => sum + BigInt(count) * price, 0n) };
  const items = lines.map(([sku, quantity, minorUnits]) => ({
    sku,
    quantity,
    unitPrice: { currencyCode, minorUnits },
  }));
  const state = OrderState[`ORDER_STATE_${stateByEventType[type]}`];
  const order = { id: orderId, userId, items, total, state, createTime, updateTime, etag: `${version}` };
  return OrderEvent.fromPartial({ type, orderId, userId, total, timestamp: updateTime, version, order });
}

/** A message as it goes to the log, as JSON. */
export function asJson(message: OrderEvent, id = randomUUID()): NewEvent {
  const event = {
    topic: 'order.events',
    key: message.orderId,
    type: message.type,
    version: message.version,
    timeMs: message.timestamp?.getTime() ?? 0,
    json: OrderEvent.toJSON(message),
  };
  return wrapEvent(event, { id, source: '//ordermesh/order', correlationId: 'request-1' });
}

/** The same in protobuf's binary format, as a producer sends it that sets no other header. */
export function asProtobuf(message: OrderEvent): NewEvent {
  const headers = { 'content-type': 'application/protobuf' };
  return { ...asJson(message), headers, value: OrderEvent.encode(message).finish() };
}
