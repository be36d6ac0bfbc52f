import { randomUUID } from 'node:crypto';
import { type Shop, shopOf } from '../../test/support/shop.ts';
import { atOnce } from './at-once.ts';
import type { LoadedServer } from './server.ts';

const users = 100;
const items = 100;
const callsAtOnce = 32;
const price = euros(100n);
const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode: 'DE' };

/** Fills a mesh with people who have money and items that are in stock, more than any benchmark takes. */
export async function openShop(mesh: LoadedServer): Promise<Shop> {
  const shop = shopOf(mesh);
  await atOnce(users, callsAtOnce, async (index) => {
    const id = userId(index);
    await shop.users.createUser({ user: { id, name: id, email: `${id}@example.com` } });
    await shop.accounts.openAccount({ requestId: randomUUID(), accountId: id, currencyCode: 'EUR' });
    await shop.accounts.deposit({ requestId: randomUUID(), accountId: id, amount: euros(1_000_000_000n) });
  });
  await atOnce(items, callsAtOnce, (index) =>
    shop.inventory.createItem({ item: { sku: sku(index), name: 'An item', unitPrice: price, onHand: 1_000_000n } }),
  );
  return shop;
}

/** The order at a place: two items, one of which is in every order. */
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
