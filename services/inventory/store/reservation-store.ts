import { paddedList, type Queryable, type SqlValue, type Transaction } from '#mesh';
import type { Reservation, ReservationItem, ReservationState } from '../domain/reservation.ts';
import { reservationNotFound } from '../errors.ts';

type ReservationRow = {
  readonly order_id: string;
  readonly state: ReservationState;
  readonly owner: string;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
};
type ReservationItemRow = { readonly sku: string; readonly quantity: bigint };

const columns = 'order_id, state, owner, version, create_time, update_time';

/** Adds a reservation, without its items, unless its order has one; returns whether it did. */
export async function insertReservation(tx: Transaction, reservation: Reservation): Promise<boolean> {
  const { orderId, state, owner, version, createTimeMs, updateTimeMs } = reservation;
  const added = await tx.execute(
    `INSERT INTO reservations (${columns}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [orderId, state, owner, version, createTimeMs, updateTimeMs],
  );
  return added === 1;
}

/** Adds the items of a new reservation: at least one. */
export function insertReservationItems(tx: Transaction, { orderId, items }: Reservation): void {
  const rows = items.map((_, index) => `($1, $${3 * index + 2}, $${3 * index + 3}, $${3 * index + 4})`);
  tx.defer(`INSERT INTO reservation_items (order_id, position, sku, quantity) VALUES ${rows.join(', ')}`, [
    orderId,
    ...items.flatMap(({ sku, quantity }, position) => [position, sku, quantity]),
  ]);
}

/** Ends a reservation that is still held; undefined if there is none. */
export async function endReservation(
  tx: Transaction,
  orderId: string,
  state: 'COMMITTED' | 'RELEASED',
  nowMs: number,
): Promise<Reservation | undefined> {
  const [[row], items] = await Promise.all([
    tx.query<ReservationRow>(
      `UPDATE reservations SET state = $2, version = version + 1, update_time = $3
       WHERE order_id = $1 AND state = 'RESERVED' RETURNING ${columns}`,
      [orderId, state, nowMs],
    ),
    findReservationItems(tx, orderId),
  ]);
  return row && toReservation(row, items);
}

export async function findReservation(db: Queryable, orderId: string): Promise<Reservation | undefined> {
  const [row] = await db.query<ReservationRow>(`SELECT ${columns} FROM reservations WHERE order_id = $1`, [orderId]);
  return row && toReservation(row, await findReservationItems(db, orderId));
}

/** Returns the reservation of an order. Throws NOT_FOUND `RESERVATION_NOT_FOUND`. */
export async function getReservation(db: Queryable, orderId: string): Promise<Reservation> {
  const reservation = await findReservation(db, orderId);
  if (!reservation) throw reservationNotFound({ orderId });
  return reservation;
}

/** Selects reservations. A field that is not set matches all. */
export interface ReservationFilter {
  readonly state: ReservationState | undefined;
  readonly owner: string;
}

/** Returns the next reservations after an order's, by order id. */
export async function findReservationsAfter(
  db: Queryable,
  afterOrderId: string,
  { state, owner }: ReservationFilter,
  limit: number,
): Promise<Reservation[]> {
  const conditions = ['order_id > $1'];
  const params: SqlValue[] = [afterOrderId, limit];
  if (state) conditions.push(isInState[state]);
  if (owner !== '') conditions.push(isOfOwner(params.push(owner), state));
  const rows = await db.query<ReservationRow>(
    `SELECT ${columns} FROM reservations WHERE ${conditions.join(' AND ')} ORDER BY order_id LIMIT $2`,
    params,
  );
  const items = await findItemsOfOrders(
    db,
    rows.map((row) => row.order_id),
  );
  return rows.map((row) => toReservation(row, items.get(row.order_id) ?? []));
}

// With the state in the text, so a database finds the index of what is held or released.
const isInState: Readonly<Record<ReservationState, string>> = {
  RESERVED: "state = 'RESERVED'",
  COMMITTED: "state = 'COMMITTED'",
  RELEASED: "state = 'RELEASED'",
};

/** What is held now is few, so it is searched for the owner's; otherwise the index of owners has them. */
function isOfOwner(param: number, state: ReservationState | undefined): string {
  return state === 'RESERVED' ? `(owner = $${param}) IS TRUE` : `owner = $${param} AND owner <> ''`;
}

async function findItemsOfOrders(
  db: Queryable,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ReservationItem[]>> {
  if (orderIds.length === 0) return new Map();
  const { placeholders, params } = paddedList(orderIds);
  const rows = await db.query<ReservationItemRow & { readonly order_id: string }>(
    `SELECT order_id, sku, quantity FROM reservation_items WHERE order_id IN (${placeholders})
     ORDER BY order_id, position`,
    params,
  );
  const items = new Map<string, ReservationItem[]>();
  for (const { order_id: orderId, sku, quantity } of rows) {
    const ofOrder = items.get(orderId);
    if (ofOrder) ofOrder.push({ sku, quantity });
    else items.set(orderId, [{ sku, quantity }]);
  }
  return items;
}

function findReservationItems(db: Queryable, orderId: string): Promise<ReservationItem[]> {
  return db.query<ReservationItemRow>(
    'SELECT sku, quantity FROM reservation_items WHERE order_id = $1 ORDER BY position',
    [orderId],
  );
}

function toReservation(row: ReservationRow, items: readonly ReservationItem[]): Reservation {
  return {
    orderId: row.order_id,
    state: row.state,
    owner: row.owner,
    items,
    version: row.version,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}
