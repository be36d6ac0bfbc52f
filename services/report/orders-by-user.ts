import {
  insertRows,
  liveGeneration,
  type Money,
  type Projection,
  type ProjectionTable,
  type Queryable,
  type Row,
  type SqlValue,
} from '#mesh';
import { itemCountOf, type OrderState, type OrderVersion } from './order.ts';
import { orderEventTypes, orderIdOf } from './stored-order.ts';

/** An order, in short. Times are in milliseconds since the epoch. */
export interface OrderSummary {
  readonly orderId: string;
  readonly userId: string;
  readonly state: OrderState;
  readonly total: Money;
  /** How many things were ordered, over all lines. */
  readonly itemCount: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  readonly version: bigint;
}

const summaries: ProjectionTable = {
  table: 'order_summaries',
  key: ['order_id'],
  values: ['user_id', 'state', 'total', 'currency_code', 'item_count', 'create_time', 'update_time', 'version'],
};

const replaced = summaries.values.map((column) => `${column} = excluded.${column}`).join(', ');
const unlessNewer = `UPDATE SET ${replaced} WHERE order_summaries.version < excluded.version`;

/** The newest version of each order; of two events of one version the one that came first. */
export const ordersByUser: Projection = {
  name: 'orders-by-user',
  version: 1,
  tables: [summaries],
  async apply(tx, generation, events) {
    const newest = new Map<string, OrderSummary>();
    for (const event of events) {
      const summary = summaryOf(orderIdOf(event), orderEventTypes.decode(event));
      const known = newest.get(summary.orderId);
      if (!known || known.version < summary.version) newest.set(summary.orderId, summary);
    }
    await insertRows(tx, summaries, generation, [...newest.values()].map(rowOf), unlessNewer);
  },
};

/** A page of a user's orders after an id, in id order. */
export async function pageOfUserOrders(
  db: Queryable,
  userId: string,
  afterId: string,
  size: number,
): Promise<OrderSummary[]> {
  const rows = await db.query<SummaryRow>(
    `SELECT * FROM order_summaries WHERE generation = ${liveGeneration(ordersByUser.name)}
       AND user_id = $1 AND order_id > $2 ORDER BY order_id LIMIT $3`,
    [userId, afterId, size],
  );
  return rows.map(summaryOfRow);
}

function summaryOf(orderId: string, order: OrderVersion): OrderSummary {
  const { orderVersion: version, userId, state, total, createTimeMs, updateTimeMs } = order;
  return { orderId, userId, state, total, itemCount: itemCountOf(order), createTimeMs, updateTimeMs, version };
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

function rowOf({ orderId, userId, state, total, itemCount, ...summary }: OrderSummary): SqlValue[] {
  const { createTimeMs, updateTimeMs, version } = summary;
  const { minorUnits, currencyCode } = total;
  return [orderId, userId, state, minorUnits, currencyCode, itemCount, createTimeMs, updateTimeMs, version];
}

function summaryOfRow(row: SummaryRow): OrderSummary {
  return {
    orderId: row.order_id,
    userId: row.user_id,
    state: row.state,
    total: { currencyCode: row.currency_code, minorUnits: row.total },
    itemCount: row.item_count,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
    version: row.version,
  };
}
