import { OrderEvent } from '#gen/order/v1/events.ts';
import { type Order, type OrderItem, OrderState } from '#gen/order/v1/order.ts';
import { decodeEvent, isInt64, type StoredEvent, undecodable } from '#mesh';
import { isId, isOrderEventType, type OrderChange, type OrderLine, stateByEventType } from '../order.ts';

/** The change that an event of the log reports. */
export interface OrderEventChange {
  readonly orderId: string;
  readonly change: OrderChange;
}

const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const maxQuantity = 2 ** 31 - 1;

/**
 * Reads an `order.v1.OrderEvent`. `type` is its type from the headers; if empty, the type in the message counts. Returns
 * `undefined` for an unknown type. Throws INVALID_ARGUMENT `UNDECODABLE` if a required field is missing or invalid, so
 * nothing is stored that projections cannot apply.
 */
export function readOrderEvent(event: StoredEvent, type: string): OrderEventChange | undefined {
  if (type !== '' && !isOrderEventType(type)) return undefined;
  const message = decodeEvent(event, OrderEvent);
  const known = type === '' ? message.type : type;
  requireField(known !== '', 'it has no type');
  if (!isOrderEventType(known)) return undefined;
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
