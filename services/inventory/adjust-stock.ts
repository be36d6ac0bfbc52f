import type { MeshError, Transaction } from '#mesh';
import type { ChangingInventory } from './create-item.ts';
import type { Item } from './domain/item.ts';
import { insufficientStock, itemsNotFound, stockLimit } from './errors.ts';
import { itemEvent } from './events.ts';
import { changeOnHand, findItem } from './store/item-store.ts';

/** What to add to an item's stock, or to take from it, and why. */
export interface StockAdjustment {
  readonly sku: string;
  readonly delta: bigint;
  readonly reason: string;
}

/** Changes the stock on hand. Refuses an unknown item, to leave less than is reserved, and to pass the limit. */
export async function adjustStock(
  tx: Transaction,
  { sku, delta, reason }: StockAdjustment,
  { outbox, clock }: ChangingInventory,
): Promise<Item> {
  const item = await changeOnHand(tx, { sku, delta, reason, nowMs: clock.now() });
  if (!item) throw await explainRefusal(tx, sku, delta);
  await outbox.addEvent(tx, itemEvent('STOCK_ADJUSTED', item));
  return item;
}

async function explainRefusal(tx: Transaction, sku: string, delta: bigint): Promise<MeshError> {
  const item = await findItem(tx, sku);
  if (!item) return itemsNotFound({ skus: [sku] });
  if (delta > 0n) return stockLimit({ sku });
  return insufficientStock({ shortages: [{ sku, requested: -delta, available: item.onHand - item.reserved }] });
}
