import { randomUUID } from 'node:crypto';
import type { Money } from '#gen/common/v1/common.ts';
import type { PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { formatMoney } from '../support/format-money.ts';
import type { Mesh } from '../support/mesh.ts';
import { retryUnavailable } from './retry.ts';

/** Creates a user, an item in stock and a funded account, and returns an order for them. */
export async function prepareOrder(mesh: Mesh): Promise<PlaceOrderRequest> {
  const run = randomUUID().slice(0, 8);
  const user = { id: `ada-${run}`, name: 'Ada Lovelace', email: `ada-${run}@example.com` };
  const item = { sku: `lamp-${run}`, name: 'Desk lamp', unitPrice: usd(1_999n), onHand: 10n };
  const account = { accountId: user.id, currencyCode: 'USD' };
  const deposit = { accountId: user.id, amount: usd(10_000n), reference: 'birthday present' };
  // A call with a request_id takes effect once, no matter how often it is sent.
  const ids = { user: randomUUID(), item: randomUUID(), account: randomUUID(), deposit: randomUUID() };

  await retryUnavailable(mesh, () => mesh.users.createUser({ requestId: ids.user, user }));
  console.log(`  user     ${user.id}, ${user.email}`);
  await retryUnavailable(mesh, () => mesh.inventory.createItem({ requestId: ids.item, item }));
  console.log(`  item     ${item.sku}, ${item.onHand} in stock at ${formatMoney(item.unitPrice)}`);
  await retryUnavailable(mesh, () => mesh.accounts.openAccount({ requestId: ids.account, ...account }));
  await retryUnavailable(mesh, () => mesh.accounts.deposit({ requestId: ids.deposit, ...deposit }));
  console.log(`  account  ${user.id}, ${formatMoney(deposit.amount)}`);
  return {
    requestId: randomUUID(),
    userId: user.id,
    items: [{ sku: item.sku, quantity: 2, unitPrice: undefined }],
    shippingAddress: {
      recipient: user.name,
      lines: ["12 St James's Square"],
      city: 'London',
      postalCode: 'SW1Y 4JH',
      countryCode: 'GB',
    },
  };
}

function usd(minorUnits: bigint): Money {
  return { currencyCode: 'USD', minorUnits };
}
