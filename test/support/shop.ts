import { randomUUID } from 'node:crypto';
import { type Client, Metadata } from 'nice-grpc';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import type { Order, OrderServiceDefinition, PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { Runtime } from '../../mesh/app/service/service.ts';
import { changeReasonKey } from '../../mesh/operator-actions/change-reason.ts';

/** Clients of all services that an order involves. */
export type Shop = ReturnType<typeof shopOf>;

/** Creates clients for a mesh in this process or another. */
export function shopOf(mesh: Pick<Runtime, 'client'>) {
  return {
    users: mesh.client(UserServiceContract),
    inventory: mesh.client(InventoryServiceContract),
    accounts: mesh.client(AccountServiceContract),
    payments: mesh.client(PaymentServiceContract),
    shipping: mesh.client(ShippingServiceContract),
    orders: mesh.client(OrderServiceContract),
    notifications: mesh.client(NotificationServiceContract),
    sagas: mesh.client(SagaServiceContract),
    deadLetters: mesh.client(DeadLetterServiceContract),
  };
}

/** The stock and funds that `fillShop` creates. */
export const stocked = { sku: 'book', price: 500n, onHand: 100n, funds: 100_000n } as const;

/** Says why, as operators have to where calls are authenticated. */
export const withReason = { metadata: Metadata({ [changeReasonKey]: 'a test' }) };

/** Creates a hundred books, Ada with money for two hundred, and Tom with an empty account. */
export async function fillShop(shop: Shop): Promise<void> {
  const unitPrice = euros(stocked.price);
  const item = { sku: stocked.sku, name: 'A book', unitPrice, onHand: stocked.onHand };
  await shop.inventory.createItem({ item }, withReason);
  for (const [id, funds] of [['ada', stocked.funds] as const, ['tom', 0n] as const]) {
    await shop.users.createUser({ user: { id, name: id, email: `${id}@example.com` } }, withReason);
    await shop.accounts.openAccount({ requestId: randomUUID(), accountId: id, currencyCode: 'EUR' }, withReason);
    if (funds > 0n)
      await shop.accounts.deposit({ requestId: randomUUID(), accountId: id, amount: euros(funds) }, withReason);
  }
}

export function euros(minorUnits: bigint) {
  return { currencyCode: 'EUR', minorUnits };
}

/** An order of books. Default: three books for Ada, shipped to Germany. */
export function bookOrder({ userId = 'ada', quantity = 3, countryCode = 'DE' } = {}): PlaceOrderRequest {
  return {
    requestId: randomUUID(),
    userId,
    items: [{ sku: stocked.sku, quantity, unitPrice: undefined }],
    shippingAddress: { recipient: userId, lines: ['Main Street 1'], city: 'Town', postalCode: '12345', countryCode },
  };
}

/** Watches an order until it ends. Returns all states seen. */
export async function watchToEnd(orders: Client<OrderServiceDefinition>, id: string): Promise<Order[]> {
  return Array.fromAsync(orders.watchOrder({ id }));
}
