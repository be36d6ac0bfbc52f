import { OrderEvent } from '#gen/order/v1/events.ts';
import { type Order, type OrderItem, OrderState } from '#gen/order/v1/order.ts';
import {
  decodeEvent,
  type EventAttributes,
  isInt64,
  type SkippedEvent,
  type StoredEvent,
  skipEvent,
  undecodable,
} from '#mesh';
import { isId, isOrderEventType, type OrderChange, type OrderLine, stateByEventType } from '../order.ts';

/** The change that an event of the log reports. */
export interface OrderEventChange {
  readonly orderId: string;
  readonly change: OrderChange;
}

const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** The source of the events of the order service, which have everything. */
const orderService = '//ordermesh/order';
const maxQuantity = 2 ** 31 - 1;
const unknownType = 'this version does not know its type: update the report service, then replay its group';

/**
 * Reads an `order.v1.OrderEvent`. `type` is its type from the headers; if empty, the type in the message counts. Skips an
 * event of an unknown type, and one of another producer than the order service that leaves out what a report needs. Throws
 * INVALID_ARGUMENT `UNDECODABLE` if a field is missing in an event of the order service, or is invalid, so nothing is
 * stored that projections cannot apply.
 */
export function readOrderEvent(
  event: StoredEvent,
  { type, source }: Pick<EventAttributes, 'type' | 'source'>,
): OrderEventChange | SkippedEvent {
  if (type !== '' && !isOrderEventType(type)) return skipEvent('unknown-type', unknownType);
  const message = decodeEvent(event, OrderEvent);
  const known = type === '' ? message.type : type;
  requireField(known !== '', 'it has no type');
  if (!isOrderEventType(known)) return skipEvent('unknown-type', unknownType);
  const missing = source === orderService ? undefined : missingIn(message);
  if (missing !== undefined) return skipEvent('incomplete', `it has no ${missing}`);
  const { orderId, userId, version, order } = message;
  requireField(isId(orderId), 'orderId is not a valid id');
  requireField(isId(userId), 'userId is not a valid id');
  requireField(version > 0n && isInt64(version), 'version is not a positive int64');
  requireField(order !== undefined, 'it has no order');
  const state = stateByEventType[known];
  requireField(
    order.state === OrderState[`ORDER_STATE_${state}`],
    `its order is not ${state}, but its type is ${known}`,
  );
  const total = totalOf(order);
  return {
    orderId,
    change: {
      type: known,
      orderVersion: version,
      userId,
      state,
      total,
      lines: linesOf(order, total.currencyCode),
      createTimeMs: timeOf(order.createTime, 'createTime'),
      updateTimeMs: timeOf(order.updateTime, 'updateTime'),
    },
  };
}

/** Returns the first field that a report needs and the event has not; `undefined` if it has all. */
function missingIn({ orderId, userId, version, order }: OrderEvent): string | undefined {
  const needed = {
    orderId,
    userId,
    version,
    order,
    'order.total': order?.total,
    'order.items': order?.items[0],
    'order.createTime': order?.createTime,
    'order.updateTime': order?.updateTime,
  };
  return Object.entries(needed).find(([, value]) => !value)?.[0];
}

function totalOf({ total }: Order) {
  requireField(total !== undefined && /^[A-Z]{3}$/.test(total.currencyCode), 'its order has no total with a currency');
  requireField(isInt64(total.minorUnits), 'the total does not fit into 64 bits');
  return { currencyCode: total.currencyCode, minorUnits: total.minorUnits };
}

function linesOf({ items }: Order, currencyCode: string): OrderLine[] {
  requireField(items.length > 0, 'its order has no items');
  return items.map((item, index) => lineOf(item, currencyCode, `items[${index}]`));
}

function lineOf({ sku, quantity, unitPrice }: OrderItem, currencyCode: string, place: string): OrderLine {
  requireField(isId(sku), `${place}.sku is not a valid sku`);
  const isCount = Number.isInteger(quantity) && quantity >= 1 && quantity <= maxQuantity;
  requireField(isCount, `${place}.quantity is not a positive int32`);
  requireField(unitPrice?.currencyCode === currencyCode, `${place}.unitPrice is not in the currency of the total`);
  requireField(isInt64(unitPrice.minorUnits), `${place}.unitPrice does not fit into 64 bits`);
  return { sku, quantity, unitPrice: unitPrice.minorUnits };
}

function timeOf(time: Date | undefined, field: string): number {
  const timeMs = time?.getTime() ?? Number.NaN;
  requireField(timeMs >= 0 && timeMs <= lastTimeMs, `${field} of its order is not a valid time`);
  return timeMs;
}

function requireField(holds: boolean, problem: string): asserts holds {
  if (!holds) throw undecodable({ thing: 'order event', problem });
}
