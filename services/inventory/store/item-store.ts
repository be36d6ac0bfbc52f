import { paddedList, type Queryable, type Transaction } from '#mesh';
import { type Item, maxOnHand } from '../domain/item.ts';
import { itemsNotFound } from '../errors.ts';

type ItemRow = {
  readonly sku: string;
  readonly name: string;
  readonly currency_code: string;
  readonly unit_price: bigint;
  readonly on_hand: bigint;
  readonly reserved: bigint;
  readonly version: bigint;
  readonly event_version: bigint;
  readonly update_time: bigint;
};

/** A change of one item's stock by a reservation. */
export interface StockChange {
  readonly sku: string;
  readonly quantity: bigint;
  readonly nowMs: number;
}

const columns = 'sku, name, currency_code, unit_price, on_hand, reserved, version, event_version, update_time';

/** Adds an item unless its sku is taken; returns whether it did. */
export async function insertItem(tx: Transaction, item: Item): Promise<boolean> {
  const { sku, name, unitPrice, onHand, reserved, version, eventVersion, updateTimeMs } = item;
  const added = await tx.execute(
    `INSERT INTO items (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    [sku, name, unitPrice.currencyCode, unitPrice.minorUnits, onHand, reserved, version, eventVersion, updateTimeMs],
  );
  return added === 1;
}

export async function findItem(db: Queryable, sku: string): Promise<Item | undefined> {
  const [row] = await db.query<ItemRow>(`SELECT ${columns} FROM items WHERE sku = $1`, [sku]);
  return row && toItem(row);
}

/** Returns the item with this sku. Throws NOT_FOUND `ITEM_NOT_FOUND`. */
export async function getItem(db: Queryable, sku: string): Promise<Item> {
  const item = await findItem(db, sku);
  if (!item) throw itemsNotFound({ skus: [sku] });
  return item;
}

/** Returns the items that exist, in the order of the skus and once each, and the skus of the others. */
export async function batchGetItems(
  db: Queryable,
  skus: readonly string[],
): Promise<{ readonly items: Item[]; readonly missingSkus: string[] }> {
  const distinctSkus = [...new Set(skus)];
  const found = await findItems(db, distinctSkus);
  return {
    items: distinctSkus.flatMap((sku) => found.get(sku) ?? []),
    missingSkus: distinctSkus.filter((sku) => !found.has(sku)),
  };
}

/** Returns those of the skus that exist, by sku. */
export async function findItems(db: Queryable, skus: readonly string[]): Promise<Map<string, Item>> {
  const { placeholders, params } = paddedList(skus);
  const rows = await db.query<ItemRow>(`SELECT ${columns} FROM items WHERE sku IN (${placeholders})`, params);
  return new Map(rows.map((row) => [row.sku, toItem(row)]));
}

/** Returns the next items after a sku, in sku order. */
export async function findItemsAfter(db: Queryable, afterSku: string, limit: number): Promise<Item[]> {
  const sql = `SELECT ${columns} FROM items WHERE sku > $1 ORDER BY sku LIMIT $2`;
  return (await db.query<ItemRow>(sql, [afterSku, limit])).map(toItem);
}

/** Adds to the stock, or takes from it, and records why. Undefined if there is no such item, or too little or much stock. */
export async function changeOnHand(
  tx: Transaction,
  { sku, delta, reason, nowMs }: { sku: string; delta: bigint; reason: string; nowMs: number },
): Promise<Item | undefined> {
  const [row] = await tx.query<ItemRow>(
    `UPDATE items SET on_hand = on_hand + $2, version = version + 1, event_version = event_version + 1, update_time = $3
     WHERE sku = $1 AND on_hand + $2 >= reserved AND on_hand + $2 <= $4 RETURNING ${columns}`,
    [sku, delta, nowMs, maxOnHand],
  );
  if (!row) return undefined;
  await tx.execute(
    'INSERT INTO stock_adjustments (sku, event_version, delta, reason, time) VALUES ($1, $2, $3, $4, $5)',
    [sku, row.event_version, delta, reason, nowMs],
  );
  return toItem(row);
}

/** Reserves stock of one item if it is available; returns whether it did. */
export async function holdStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): Promise<boolean> {
  const held = await tx.execute(
    `UPDATE items SET reserved = reserved + $2, version = version + 1, update_time = $3
     WHERE sku = $1 AND on_hand - reserved >= $2`,
    [sku, quantity, nowMs],
  );
  return held === 1;
}

/** Releases reserved stock of one item. */
export function freeStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): void {
  tx.defer('UPDATE items SET reserved = reserved - $2, version = version + 1, update_time = $3 WHERE sku = $1', [
    sku,
    quantity,
    nowMs,
  ]);
}

/** Takes reserved stock of one item out of the stock. */
export function takeStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): void {
  tx.defer(
    `UPDATE items SET on_hand = on_hand - $2, reserved = reserved - $2, version = version + 1, update_time = $3
     WHERE sku = $1`,
    [sku, quantity, nowMs],
  );
}

/** The stock of an item, and the sum of the reservations that hold it now. */
export interface HeldStock {
  readonly sku: string;
  readonly reserved: bigint;
  readonly held: bigint;
}

type HeldStockRow = {
  readonly sku: string;
  readonly reserved: bigint;
  readonly held: bigint;
};

/**
 * Returns the stock of those of the skus that exist: one statement, so both sums are of the same moment. It reads all that is
 * reserved now.
 */
export async function findHeldStock(db: Queryable, skus: readonly string[]): Promise<HeldStock[]> {
  const { placeholders, params } = paddedList(skus);
  const rows = await db.query<HeldStockRow>(
    `SELECT items.sku, items.reserved, COALESCE(orders.held, 0) AS held
     FROM items LEFT JOIN (
       SELECT reservation_items.sku, SUM(reservation_items.quantity) AS held
       FROM reservations JOIN reservation_items ON reservation_items.order_id = reservations.order_id
       WHERE reservations.state = 'RESERVED' GROUP BY reservation_items.sku
     ) AS orders ON orders.sku = items.sku
     WHERE items.sku IN (${placeholders})`,
    params,
  );
  return rows.map(({ sku, reserved, held }) => ({ sku, reserved, held }));
}

function toItem(row: ItemRow): Item {
  return {
    sku: row.sku,
    name: row.name,
    unitPrice: { currencyCode: row.currency_code, minorUnits: row.unit_price },
    onHand: row.on_hand,
    reserved: row.reserved,
    version: row.version,
    eventVersion: row.event_version,
    updateTimeMs: Number(row.update_time),
  };
}
