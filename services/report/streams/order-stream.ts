import {
  defineEventTypes,
  type EventType,
  type JsonObject,
  type JsonValue,
  moneyFromJson,
  moneyToJson,
  type RecordedEvent,
} from '#mesh';
import type { OrderChange, OrderEventType, OrderLine, OrderState, OrderVersion } from '../order.ts';

const category = 'order';

/** The stored events of orders. testdata/events has an example of each version. */
export const orderEventTypes = defineEventTypes<OrderChange>({
  ORDER_PLACED: change('ORDER_PLACED'),
  ORDER_RESERVED: change('ORDER_RESERVED'),
  ORDER_PAID: change('ORDER_PAID'),
  ORDER_SHIPPED: change('ORDER_SHIPPED'),
  ORDER_COMPLETED: change('ORDER_COMPLETED'),
  ORDER_COMPENSATING: change('ORDER_COMPENSATING'),
  ORDER_FAILED: change('ORDER_FAILED'),
  ORDER_CANCELLED: change('ORDER_CANCELLED'),
  ORDER_NEEDS_ATTENTION: change('ORDER_NEEDS_ATTENTION'),
});

/** The streams of orders. */
export const orderDefinition = { category, events: orderEventTypes };

/** Returns the stream of an order. */
export function orderStream(orderId: string): string {
  return `${category}-${orderId}`;
}

/** Returns the id of the order that an event belongs to. */
export function orderIdOf({ stream }: RecordedEvent): string {
  return stream.slice(category.length + 1);
}

function change<Type extends OrderEventType>(type: Type): EventType<OrderVersion & { readonly type: Type }> {
  return { encode: encodeOrder, decode: (data) => ({ type, ...decodeOrder(data) }) };
}

// Integers that may exceed 2^53 are text.
function encodeOrder(order: OrderVersion): JsonObject {
  return {
    orderVersion: order.orderVersion.toString(),
    userId: order.userId,
    state: order.state,
    total: moneyToJson(order.total),
    lines: order.lines.map(({ sku, quantity, unitPrice }) => ({ sku, quantity, unitPrice: unitPrice.toString() })),
    createTimeMs: order.createTimeMs,
    updateTimeMs: order.updateTimeMs,
  };
}

function decodeOrder(data: JsonObject): OrderVersion {
  return {
    orderVersion: BigInt(String(data.orderVersion)),
    userId: String(data.userId),
    state: data.state as OrderState,
    total: moneyFromJson(data.total),
    lines: (data.lines as readonly JsonValue[]).map(decodeLine),
    createTimeMs: Number(data.createTimeMs),
    updateTimeMs: Number(data.updateTimeMs),
  };
}

function decodeLine(line: JsonValue): OrderLine {
  const { sku, quantity, unitPrice } = line as { sku: string; quantity: number; unitPrice: string };
  return { sku, quantity, unitPrice: BigInt(unitPrice) };
}
