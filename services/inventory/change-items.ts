import { type Clock, invalidRequest, type MeshError, type Outbox, type Transaction } from '#mesh';
import { type Item, type ItemDraft, newItem } from './domain/item.ts';
import { insufficientStock, itemsNotFound, skuTaken, stockLimit } from './errors.ts';
import { itemEvent } from './events.ts';
import { changeOnHand, findItem, insertItem } from './store/item-store.ts';

export interface InventoryDeps {
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Creates an item. Throws INVALID_ARGUMENT for a negative price, and ALREADY_EXISTS `SKU_TAKEN`. */
export async function createItem(tx: Transaction, draft: ItemDraft, { outbox, clock }: InventoryDeps): Promise<Item> {
  if (draft.unitPrice.minorUnits < 0n) {
    throw invalidRequest([{ field: 'item.unit_price.minor_units', description: 'must not be negative' }]);
  }
  const item = newItem(draft, clock.now());
  if (!(await insertItem(tx, item))) throw skuTaken({ sku: item.sku });
  await outbox.addEvent(tx, itemEvent('ITEM_CREATED', item));
  return item;
}

export interface StockAdjustment {
  readonly sku: string;
  readonly delta: bigint;
  readonly reason: string;
}

/** Adds `delta` to the stock on hand. Refuses to leave less than is reserved, and to exceed the limit. */
export async function adjustStock(
  tx: Transaction,
  { sku, delta, reason }: StockAdjustment,
  { outbox, clock }: InventoryDeps,
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
