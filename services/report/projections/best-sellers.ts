import {
  insertRows,
  maxInt64,
  type Projection,
  type ProjectionTable,
  type Queryable,
  type RecordedEvent,
  type Row,
  type SqlValue,
  type Transaction,
  writeRows,
} from '#mesh';
import type { OrderVersion } from '../order.ts';
import { addSale, type Sale, saleKey, salesOf } from '../sale.ts';
import { orderEventTypes, orderIdOf } from '../streams/order-stream.ts';

const counted: ProjectionTable = { table: 'counted_orders', key: ['order_id'], values: ['version'] };

const sales: ProjectionTable = {
  table: 'best_sellers',
  key: ['sku', 'currency_code'],
  values: ['quantity', 'order_count', 'revenue'],
};

/** Sums the sales of completed orders. Each order counts once, no matter how many events say that it completed. */
export const bestSellers: Projection = {
  name: 'best-sellers',
  version: 1,
  tables: [counted, sales],
  async apply(tx, generation, events) {
    const completed = completedOrders(events);
    const rows = [...completed].map(([orderId, { orderVersion }]) => [orderId, orderVersion]);
    const unlessCounted = 'NOTHING RETURNING order_id';
    const inserted = await insertRows<{ order_id: string }>(tx, counted, generation, rows, unlessCounted);
    await addToRows(tx, generation, salesOf(inserted.flatMap(({ order_id }) => completed.get(order_id) ?? [])));
  },
};

/** Returns the completed orders, each from the first event that says so. */
function completedOrders(events: readonly RecordedEvent[]): Map<string, OrderVersion> {
  const completed = new Map<string, OrderVersion>();
  for (const event of events) {
    const orderId = orderIdOf(event);
    if (event.type !== 'ORDER_COMPLETED' || completed.has(orderId)) continue;
    completed.set(orderId, orderEventTypes.decode(event));
  }
  return completed;
}

/** Adds sales to the rows of their items. Inserts missing rows. */
async function addToRows(tx: Transaction, generation: bigint, sold: ReadonlyMap<string, Sale>): Promise<void> {
  const zeros = [...sold.values()].map((sale) => rowOf({ ...sale, quantity: 0n, orderCount: 0n, revenue: 0n }));
  // SQL cannot add integers of any length, so the rows are read, and locked until they are written.
  const keepRow = 'UPDATE SET order_count = best_sellers.order_count RETURNING *';
  const before = (await insertRows<SaleRow>(tx, sales, generation, zeros, keepRow)).map(saleOf);
  const after = before.map((sale) => addSale(sale, sold.get(saleKey(sale)) ?? sale));
  await writeRows(tx, sales, generation, after.map(rowOf));
}

/** The rank of an item. */
export type Rank = Pick<Sale, 'quantity' | 'sku' | 'currencyCode'>;

/** Before the first rank. */
export const beforeTheBest: Rank = { quantity: maxInt64, sku: '', currencyCode: '' };

/** Returns a page of best sellers after a rank: by descending quantity, then by sku and currency. */
export async function pageOfBestSellers(db: Queryable, after: Rank, size: number): Promise<Sale[]> {
  const rows = await db.query<SaleRow>(
    `SELECT * FROM best_sellers_live
     WHERE quantity <= $1 AND (quantity < $1 OR (sku, currency_code) > ($2, $3))
     ORDER BY quantity DESC, sku, currency_code LIMIT $4`,
    [after.quantity, after.sku, after.currencyCode, size],
  );
  return rows.map(saleOf);
}

interface SaleRow extends Row {
  readonly sku: string;
  readonly currency_code: string;
  readonly quantity: bigint;
  readonly order_count: bigint;
  readonly revenue: string;
}

function rowOf({ sku, currencyCode, quantity, orderCount, revenue }: Sale): SqlValue[] {
  return [sku, currencyCode, quantity, orderCount, revenue.toString()];
}

function saleOf(row: SaleRow): Sale {
  return {
    sku: row.sku,
    currencyCode: row.currency_code,
    quantity: row.quantity,
    orderCount: row.order_count,
    revenue: BigInt(row.revenue),
  };
}
