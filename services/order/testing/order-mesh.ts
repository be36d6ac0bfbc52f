import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { type Order, type OrderServiceDefinition, orderStateToJSON } from '#gen/order/v1/order.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition } from '#gen/payment/v1/payment.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { Runtime, SagaAdmin } from '#mesh';
import { type Around, intercept, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from '../../inventory/service.ts';
import { paymentService } from '../../payment/service.ts';
import { shippingService } from '../../shipping/service.ts';
import { userService } from '../../user/service.ts';
import { orderService } from '../service.ts';

/** The order service with the services that it calls, and what tests do with them. */
export interface OrderMesh {
  readonly mesh: TestMesh;
  readonly orders: Client<OrderServiceDefinition>;
  readonly inventory: Client<InventoryServiceDefinition>;
  readonly accounts: Client<AccountServiceDefinition>;
  readonly sagas: SagaAdmin;
  /** Wrappers of the calls of the order service to others, by method. */
  readonly wrappers: Record<string, Around>;
  removeWrappers(): void;
  /** Creates a user with `minorUnits` USD. Default: 100 USD. */
  newUser(minorUnits?: bigint): Promise<string>;
  /** Places an order and waits until it ends. */
  placeToEnd(userId: string): Promise<Order>;
  /** Returns the states of an order from the current one until it ends. */
  statesOf(id: string): Promise<string[]>;
  /** Holds back the calls of a method; `called` resolves when one comes. */
  holdBack(method: string): { readonly called: Promise<void>; readonly release: () => void };
}

export const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

export const shippingAddress = {
  recipient: 'Ada',
  lines: ['1 Main St'],
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
};

/** Starts the services with 1,000 books in stock. `change` modifies the runtime of the order service. */
export async function startOrderMesh(
  settings: Record<string, string>,
  change: (runtime: Runtime) => Runtime = (runtime) => runtime,
): Promise<OrderMesh> {
  const wrappers: Record<string, Around> = {};
  const intercepted = onRuntime(orderService, (runtime) => ({
    ...change(runtime),
    client: (contract, options) => intercept(runtime.client(contract, options), wrappers),
  }));
  const mesh = await startMesh([userService, inventoryService, paymentService, shippingService, intercepted], settings);
  const orders = mesh.runtime.client(OrderServiceContract);
  const inventory = mesh.runtime.client(InventoryServiceContract);
  const accounts = mesh.runtime.client(AccountServiceContract);
  const [sagas] = mesh.services.flatMap((service) => service.sagas ?? []);
  if (!sagas) throw new Error('no service has sagas');
  await inventory.createItem({ item: { sku: 'book', name: 'Book', unitPrice: usd(500n), onHand: 1_000n } });

  const statesOf = async (id: string) => (await Array.fromAsync(orders.watchOrder({ id }))).map(stateOf);
  return {
    mesh,
    orders,
    inventory,
    accounts,
    sagas,
    wrappers,
    statesOf,
    removeWrappers() {
      for (const method of Object.keys(wrappers)) delete wrappers[method];
    },
    async newUser(minorUnits = 10_000n) {
      const id = `user-${randomUUID()}`;
      const user = { id, name: id, email: `${id}@example.com` };
      await mesh.runtime.client(UserServiceContract).createUser({ user });
      await accounts.openAccount({ accountId: id, currencyCode: 'USD' });
      if (minorUnits > 0n) await accounts.deposit({ accountId: id, amount: usd(minorUnits) });
      return id;
    },
    async placeToEnd(userId) {
      const { id } = await orders.placeOrder(orderBy(userId));
      await statesOf(id);
      return orders.getOrder({ id });
    },
    holdBack(method) {
      const called = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      wrappers[method] = async (call) => {
        called.resolve();
        await released.promise;
        return call();
      };
      return { called: called.promise, release: released.resolve };
    },
  };
}

/** Returns a request for an order. Default: of two books. */
export function orderBy(
  userId: string,
  items: { readonly sku: string; readonly quantity: number }[] = [{ sku: 'book', quantity: 2 }],
) {
  return { requestId: randomUUID(), userId, items, shippingAddress };
}

/** Returns the state of an order without its prefix. */
export function stateOf({ state }: Order): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}
