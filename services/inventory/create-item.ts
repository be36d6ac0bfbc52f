import { type Clock, invalidRequest, type Outbox, type Transaction } from '#mesh';
import { type Item, type ItemDraft, newItem } from './domain/item.ts';
import { skuTaken } from './errors.ts';
import { itemEvent } from './events.ts';
import { insertItem } from './store/item-store.ts';

/** What changing the inventory takes beside the transaction. */
export interface ChangingInventory {
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Creates an item. Refuses a negative price and a taken sku. */
export async function createItem(
  tx: Transaction,
  draft: ItemDraft,
  { outbox, clock }: ChangingInventory,
): Promise<Item> {
  if (draft.unitPrice.minorUnits < 0n) {
    throw invalidRequest([{ field: 'item.unit_price.minor_units', description: 'must not be negative' }]);
  }
  const item = newItem(draft, clock.now());
  if (!(await insertItem(tx, item))) throw skuTaken({ sku: item.sku });
  await outbox.addEvent(tx, itemEvent('ITEM_CREATED', item));
  return item;
}
