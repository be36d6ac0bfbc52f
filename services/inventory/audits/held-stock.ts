import type { Queryable } from '#mesh';

/** What an item says of its stock, and what the reservations that are held now add up to. */
export interface HeldStock {
  readonly sku: string;
  readonly onHand: bigint;
  readonly reserved: bigint;
  readonly held: bigint;
}

type HeldStockRow = {
  readonly sku: string;
  readonly on_hand: bigint;
  readonly reserved: bigint;
  readonly held: bigint;
};

/** The stock of the next items after a sku, in sku order: one statement, so that both sides are of the same moment. */
export async function findStockAfter(db: Queryable, afterSku: string, limit: number): Promise<HeldStock[]> {
  const rows = await db.query<HeldStockRow>(
    `SELECT page.sku, page.on_hand, page.reserved, COALESCE(orders.held, 0) AS held
     FROM (SELECT sku, on_hand, reserved FROM items WHERE sku > $1 ORDER BY sku LIMIT $2) AS page
     LEFT JOIN (
       SELECT reservation_items.sku, SUM(reservation_items.quantity) AS held
       FROM reservations JOIN reservation_items ON reservation_items.order_id = reservations.order_id
       WHERE reservations.state = 'RESERVED' GROUP BY reservation_items.sku
     ) AS orders ON orders.sku = page.sku
     ORDER BY page.sku`,
    [afterSku, limit],
  );
  return rows.map(({ sku, on_hand: onHand, reserved, held }) => ({ sku, onHand, reserved, held }));
}
