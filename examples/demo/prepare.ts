import { randomUUID } from 'node:crypto';
import type { Money } from '#gen/common/v1/common.ts';
import type { PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { amountText } from '../support/amount-text.ts';
import type { Mesh } from '../support/mesh.ts';
import { patiently } from './patience.ts';

/** An order that can be placed: its user exists, its item is in stock, its account has the money. */
export async function prepareOrder(mesh: Mesh): Promise<PlaceOrderRequest> {
  const run = randomUUID().slice(0, 8);
  const user = { id: `ada-${run}`, name: 'Ada Lovelace', email: `ada-${run}@example.com` };
  const item = { sku: `lamp-${run}`, name: 'Desk lamp', unitPrice: usd(1_999n), onHand: 10n };
  const account = { accountId: user.id, currencyCode: 'USD' };
  const deposit = { accountId: user.id, amount: usd(10_000n), reference: 'birthday present' };
  // With a request_id a call has its effect once, however often it is made.
  const ids = { user: randomUUID(), item: randomUUID(), account: randomUUID(), deposit: randomUUID() };

  await patiently(mesh, () => mesh.users.createUser({ requestId: ids.user, user }));
  console.log(`  user     ${user.id}, ${user.email}`);
  await patiently(mesh, () => mesh.inventory.createItem({ requestId: ids.item, item }));
  console.log(`  item     ${item.sku}, ${item.onHand} in stock at ${amountText(item.unitPrice)}`);
  await patiently(mesh, () => mesh.accounts.openAccount({ requestId: ids.account, ...account }));
  await patiently(mesh, () => mesh.accounts.deposit({ requestId: ids.deposit, ...deposit }));
  console.log(`  account  ${user.id}, ${amountText(deposit.amount)}`);
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
