import { randomUUID } from 'node:crypto';
import { type Shop, shopOf } from '../../test/support/shop.ts';
import { runConcurrently } from './concurrency.ts';

const users = 100;
const items = 100;
const concurrentCalls = 32;
const price = euros(100n);
const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode: 'DE' };

/** What creates clients of a mesh. */
export type ClientOwner = Parameters<typeof shopOf>[0];

/** Creates users with money and items in stock, enough for any benchmark. */
export async function openShop(mesh: ClientOwner): Promise<Shop> {
  const shop = shopOf(mesh);
  await runConcurrently(users, concurrentCalls, async (index) => {
    const id = userId(index);
    await shop.users.createUser({ user: { id, name: id, email: `${id}@example.com` } });
    await shop.accounts.openAccount({ requestId: randomUUID(), accountId: id, currencyCode: 'EUR' });
    await shop.accounts.deposit({ requestId: randomUUID(), accountId: id, amount: euros(1_000_000_000n) });
  });
  await runConcurrently(items, concurrentCalls, (index) =>
    shop.inventory.createItem({ item: { sku: sku(index), name: 'An item', unitPrice: price, onHand: 1_000_000_000n } }),
  );
  return shop;
}

/** Creates an order of two items, one of which is in every order. */
export function orderOf(index: number) {
  return {
    requestId: randomUUID(),
    userId: userId(index),
    items: [
      { sku: sku(0), quantity: 1, unitPrice: undefined },
      { sku: sku(1 + (index % (items - 1))), quantity: 2, unitPrice: undefined },
    ],
    shippingAddress: address,
  };
}

function userId(index: number): string {
  return `user-${index % users}`;
}

function sku(index: number): string {
  return `item-${index}`;
}

function euros(minorUnits: bigint) {
  return { currencyCode: 'EUR', minorUnits };
}
