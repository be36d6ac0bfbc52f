import { paddedList, type Queryable, type Transaction } from '#mesh';
import { type Item, maxOnHand } from '../domain/item.ts';

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

/** The item with this sku. */
export async function findItem(db: Queryable, sku: string): Promise<Item | undefined> {
  const [row] = await db.query<ItemRow>(`SELECT ${columns} FROM items WHERE sku = $1`, [sku]);
  return row && toItem(row);
}

/** Those of the skus that exist, by sku. */
export async function findItems(db: Queryable, skus: readonly string[]): Promise<Map<string, Item>> {
  const { placeholders, params } = paddedList(skus);
  const rows = await db.query<ItemRow>(`SELECT ${columns} FROM items WHERE sku IN (${placeholders})`, params);
  return new Map(rows.map((row) => [row.sku, toItem(row)]));
}

/** The next items after a sku, in sku order. */
export async function findItemsAfter(db: Queryable, afterSku: string, limit: number): Promise<Item[]> {
  const sql = `SELECT ${columns} FROM items WHERE sku > $1 ORDER BY sku LIMIT $2`;
  return (await db.query<ItemRow>(sql, [afterSku, limit])).map(toItem);
}

/** Adds to the stock, or takes from it and records why; `undefined` where that would leave too little or too much, or no item is. */
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

/** Reserves stock of one item, if that much is available; returns whether it did. */
export async function holdStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): Promise<boolean> {
  const held = await tx.execute(
    `UPDATE items SET reserved = reserved + $2, version = version + 1, update_time = $3
     WHERE sku = $1 AND on_hand - reserved >= $2`,
    [sku, quantity, nowMs],
  );
  return held === 1;
}

/** Gives back what was reserved of one item. */
export async function freeStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): Promise<void> {
  await tx.execute(
    'UPDATE items SET reserved = reserved - $2, version = version + 1, update_time = $3 WHERE sku = $1',
    [sku, quantity, nowMs],
  );
}

/** Takes what was reserved of one item out of the stock. */
export async function takeStock(tx: Transaction, { sku, quantity, nowMs }: StockChange): Promise<void> {
  await tx.execute(
    `UPDATE items SET on_hand = on_hand - $2, reserved = reserved - $2, version = version + 1, update_time = $3
     WHERE sku = $1`,
    [sku, quantity, nowMs],
  );
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
