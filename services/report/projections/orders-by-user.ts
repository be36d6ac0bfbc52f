import { type Money, type Queryable, type Row, tableProjection } from '#mesh';
import { itemCountOf, type OrderState, type OrderVersion } from '../order.ts';
import { orderDefinition } from '../streams/order-stream.ts';

/** The summary of an order. Times are in milliseconds since the epoch. */
export interface OrderSummary {
  readonly orderId: string;
  readonly userId: string;
  readonly state: OrderState;
  readonly total: Money;
  /** The number of items over all lines. */
  readonly itemCount: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  readonly version: bigint;
}

interface SummaryRow extends Row {
  readonly order_id: string;
  readonly user_id: string;
  readonly state: OrderState;
  readonly total: bigint;
  readonly currency_code: string;
  readonly item_count: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
  readonly version: bigint;
}

/** The newest version of each order; of two events with the same version, the first. */
export const ordersByUser = tableProjection({
  name: 'orders-by-user',
  version: 1,
  of: orderDefinition,
  table: 'order_summaries',
  key: ['order_id'],
  values: ['user_id', 'state', 'total', 'currency_code', 'item_count', 'create_time', 'update_time', 'version'],
  keyOf: ({ id: orderId }) => [orderId],
  evolve: (known: OrderSummary | undefined, { id: orderId, body }) =>
    known && known.version >= body.orderVersion ? known : summaryOf(orderId, body),
  encode: (summary: OrderSummary): SummaryRow => ({
    order_id: summary.orderId,
    user_id: summary.userId,
    state: summary.state,
    total: summary.total.minorUnits,
    currency_code: summary.total.currencyCode,
    item_count: summary.itemCount,
    create_time: BigInt(summary.createTimeMs),
    update_time: BigInt(summary.updateTimeMs),
    version: summary.version,
  }),
  decode: (row: SummaryRow): OrderSummary => ({
    orderId: row.order_id,
    userId: row.user_id,
    state: row.state,
    total: { currencyCode: row.currency_code, minorUnits: row.total },
    itemCount: row.item_count,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
    version: row.version,
  }),
});

/** Returns a page of a user's orders after an id, in id order. */
export function pageOfUserOrders(
  db: Queryable,
  userId: string,
  afterId: string,
  size: number,
): Promise<OrderSummary[]> {
  const page = 'WHERE user_id = $1 AND order_id > $2 ORDER BY order_id LIMIT $3';
  return ordersByUser.select(db, page, [userId, afterId, size]);
}

function summaryOf(orderId: string, order: OrderVersion): OrderSummary {
  const { orderVersion: version, userId, state, total, createTimeMs, updateTimeMs } = order;
  return { orderId, userId, state, total, itemCount: itemCountOf(order), createTimeMs, updateTimeMs, version };
}
