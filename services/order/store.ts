import { type Address, paddedList, type Queryable, type Row, type SqlValue, type Transaction } from '#mesh';
import { orderNotFound } from './errors.ts';
import type { Order, OrderFailure, OrderLine, OrderState } from './order.ts';

/** A change of a placed order. */
export interface OrderChange {
  readonly state: OrderState;
  /** Undefined clears it, for example when an operator has resumed the order. */
  readonly failure?: OrderFailure | undefined;
  /** Undefined leaves it as it is. */
  readonly paymentId?: string | undefined;
  readonly shipmentId?: string | undefined;
  readonly timeMs: number;
}

/** Empty and undefined mean any. */
export interface OrderFilter {
  readonly userId: string;
  readonly state: OrderState | undefined;
}

export function insertOrder(tx: Transaction, order: Order): void {
  tx.defer(
    `INSERT INTO orders (id, user_id, lines, currency_code, total, state, failure_reason, failure_message, payment_id,
       shipment_id, shipping_address, version, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6, '', '', $7, $8, $9, $10, $11, $12)`,
    [
      order.id,
      order.userId,
      linesToText(order.lines),
      order.total.currencyCode,
      order.total.minorUnits,
      order.state,
      order.paymentId,
      order.shipmentId,
      JSON.stringify(order.shippingAddress),
      order.version,
      order.createTimeMs,
      order.updateTimeMs,
    ],
  );
}

/** Returns the order with this id. Throws NOT_FOUND `ORDER_NOT_FOUND`. */
export async function getOrder(db: Queryable, id: string): Promise<Order> {
  const [row] = await db.query<OrderRow>('SELECT * FROM orders WHERE id = $1', [id]);
  if (!row) throw orderNotFound({ orderId: id });
  return orderOf(row);
}

/** Returns those of the orders that exist. */
export async function findOrders(db: Queryable, ids: readonly string[]): Promise<Order[]> {
  const { placeholders, params } = paddedList(ids);
  const rows = await db.query<OrderRow>(`SELECT * FROM orders WHERE id IN (${placeholders})`, params);
  return rows.map(orderOf);
}

/**
 * Changes an order and gives it its next version. `known`: the order as it was committed last, as far as the caller knows;
 * it saves reading the row. Throws NOT_FOUND `ORDER_NOT_FOUND`.
 */
export async function updateOrder(tx: Transaction, id: string, change: OrderChange, known?: Order): Promise<Order> {
  return (known && (await updateKnownOrder(tx, known, change))) ?? (await updateAndRead(tx, id, change));
}

/** Undefined, without a change, if the order has another version than the known one. */
async function updateKnownOrder(tx: Transaction, known: Order, change: OrderChange): Promise<Order | undefined> {
  const { state, failure } = change;
  const next: Order = {
    ...known,
    state,
    failure: failure && { reason: failure.reason, message: failure.message },
    paymentId: change.paymentId ?? known.paymentId,
    shipmentId: change.shipmentId ?? known.shipmentId,
    version: known.version + 1n,
    updateTimeMs: change.timeMs,
  };
  const changed = await tx.execute(
    `UPDATE orders SET state = $1, version = $2, update_time = $3, failure_reason = $4, failure_message = $5, payment_id = $6,
       shipment_id = $7 WHERE id = $8 AND version = $9`,
    [
      next.state,
      next.version,
      next.updateTimeMs,
      next.failure?.reason ?? '',
      next.failure?.message ?? '',
      next.paymentId,
      next.shipmentId,
      next.id,
      known.version,
    ],
  );
  return changed === 1 ? next : undefined;
}

async function updateAndRead(tx: Transaction, id: string, change: OrderChange): Promise<Order> {
  const [row] = await tx.query<OrderRow>(
    `UPDATE orders SET state = $2, version = version + 1, update_time = $3,
       failure_reason = $4, failure_message = $5,
       payment_id = COALESCE($6, payment_id), shipment_id = COALESCE($7, shipment_id)
     WHERE id = $1 RETURNING *`,
    [
      id,
      change.state,
      change.timeMs,
      change.failure?.reason ?? '',
      change.failure?.message ?? '',
      change.paymentId ?? null,
      change.shipmentId ?? null,
    ],
  );
  if (!row) throw orderNotFound({ orderId: id });
  return orderOf(row);
}

/** Returns the next orders after an id, in id order. */
export async function pageOfOrders(
  db: Queryable,
  afterId: string,
  filter: OrderFilter,
  size: number,
): Promise<Order[]> {
  const conditions = ['id > $1'];
  const params: SqlValue[] = [afterId];
  if (filter.userId !== '') conditions.push(`user_id = $${params.push(filter.userId)}`);
  if (filter.state) conditions.push(`state = $${params.push(filter.state)}`, ...conditionsOfIndex(filter));
  const limit = params.push(size);
  const rows = await db.query<OrderRow>(
    `SELECT * FROM orders WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT $${limit}`,
    params,
  );
  return rows.map(orderOf);
}

/** What is true of all orders in the state of a list, and says which index has them. Nearly all are COMPLETED: no index. */
function conditionsOfIndex({ userId, state }: OrderFilter): string[] {
  if (state === 'COMPLETED') return [];
  const hasTurnedBack = state === 'FAILED' || state === 'CANCELLED';
  return [userId !== '' && hasTurnedBack ? "state IN ('FAILED', 'CANCELLED')" : "state <> 'COMPLETED'"];
}

interface OrderRow extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly lines: string;
  readonly currency_code: string;
  readonly total: bigint;
  readonly state: OrderState;
  readonly failure_reason: string;
  readonly failure_message: string;
  readonly payment_id: string;
  readonly shipment_id: string;
  readonly shipping_address: string;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

function orderOf(row: OrderRow): Order {
  return {
    id: row.id,
    userId: row.user_id,
    lines: linesOfText(row.lines, row.currency_code),
    total: { currencyCode: row.currency_code, minorUnits: row.total },
    state: row.state,
    failure: row.failure_reason === '' ? undefined : { reason: row.failure_reason, message: row.failure_message },
    paymentId: row.payment_id,
    shipmentId: row.shipment_id,
    shippingAddress: JSON.parse(row.shipping_address) as Address,
    version: row.version,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}

/** `[sku, quantity, price in minor units as text]`: JSON has no integers beyond 2^53. */
type StoredLine = readonly [string, number, string];

function linesToText(lines: readonly OrderLine[]): string {
  return JSON.stringify(
    lines.map((line): StoredLine => [line.sku, line.quantity, line.unitPrice.minorUnits.toString()]),
  );
}

function linesOfText(text: string, currencyCode: string): OrderLine[] {
  return (JSON.parse(text) as StoredLine[]).map(([sku, quantity, price]) => ({
    sku,
    quantity,
    unitPrice: { currencyCode, minorUnits: BigInt(price) },
  }));
}
