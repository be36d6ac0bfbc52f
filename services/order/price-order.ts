import type { Client } from 'nice-grpc';
import type { InventoryServiceDefinition, Item } from '#gen/inventory/v1/inventory.ts';
import type { OrderItem } from '#gen/order/v1/order.ts';
import type { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { MeshError, Status } from '#mesh';
import { repeatedSkus, unknownItems, unknownUser } from './errors.ts';
import type { OrderLine } from './order.ts';

export interface PriceOrderDeps {
  readonly users: Client<UserServiceDefinition>;
  readonly inventory: Client<InventoryServiceDefinition>;
}

/** Checks that the user exists, and returns the lines with what the items cost now. */
export async function priceOrder(
  userId: string,
  items: readonly OrderItem[],
  { users, inventory }: PriceOrderDeps,
): Promise<OrderLine[]> {
  refuseRepeatedSkus(items);
  const [found] = await Promise.all([
    inventory.batchGetItems({ skus: items.map((item) => item.sku) }),
    requireUser(users, userId),
  ]);
  if (found.missingSkus.length > 0) throw unknownItems({ skus: found.missingSkus });
  const bySku = new Map(found.items.map((item) => [item.sku, item]));
  return items.map((item) => priceLine(item, bySku.get(item.sku)));
}

function refuseRepeatedSkus(items: readonly OrderItem[]): void {
  const seen = new Set<string>();
  const repeats = items.flatMap(({ sku }, index) => {
    if (seen.has(sku)) return [{ index, sku }];
    seen.add(sku);
    return [];
  });
  if (repeats.length > 0) throw repeatedSkus(repeats);
}

async function requireUser(users: Client<UserServiceDefinition>, id: string): Promise<void> {
  try {
    await users.getUser({ id });
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) throw unknownUser({ userId: id });
    throw error;
  }
}

function priceLine(item: OrderItem, found: Item | undefined): OrderLine {
  if (!found?.unitPrice) throw unknownItems({ skus: [item.sku] });
  return { sku: item.sku, quantity: item.quantity, unitPrice: found.unitPrice };
}
