import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import type { OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition } from '#gen/payment/v1/payment.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { eventually, type FaultProxy, startFaultProxy, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from '../inventory/service.ts';
import { paymentService } from '../payment/service.ts';
import { shippingService } from '../shipping/service.ts';
import { userService } from '../user/service.ts';
import { orderService } from './service.ts';
import { usd } from './testing/order-mesh.ts';

describe('QuoteOrder', () => {
  let payment: TestMesh;
  let link: FaultProxy;
  let mesh: TestMesh;
  let orders: Client<OrderServiceDefinition>;
  let accounts: Client<AccountServiceDefinition>;

  beforeAll(async () => {
    payment = await startMesh([paymentService]);
    link = await startFaultProxy(Number(payment.address.split(':').at(-1)));
    mesh = await startMesh([userService, inventoryService, shippingService, orderService], {
      DISCOVERY_URL: `static:payment=127.0.0.1:${link.port}`,
    });
    orders = mesh.runtime.client(OrderServiceContract);
    accounts = payment.runtime.client(AccountServiceContract);
    const inventory = mesh.runtime.client(InventoryServiceContract);
    await inventory.createItem({ item: { sku: 'book', name: 'Book', unitPrice: usd(500n), onHand: 10n } });
  });
  afterAll(async () => {
    await mesh.stop();
    await link.close();
    await payment.stop();
  });

  async function newUser(): Promise<string> {
    const user = { name: 'Ada', email: `${randomUUID()}@example.com`, role: 'customer' };
    return (await mesh.runtime.client(UserServiceContract).createUser({ user })).id;
  }

  async function newCustomer(minorUnits: bigint): Promise<string> {
    const id = await newUser();
    await accounts.openAccount({ accountId: id, currencyCode: 'USD' });
    await accounts.deposit({ accountId: id, amount: usd(minorUnits) });
    return id;
  }

  const twoBooks = (userId: string) => ({ userId, items: [{ sku: 'book', quantity: 2, unitPrice: usd(1n) }] });

  it('returns the prices of the server and the balance, and changes nothing', async () => {
    const userId = await newCustomer(700n);
    const quote = await orders.quoteOrder(twoBooks(userId));
    expect(quote).toEqual({
      userId,
      items: [{ sku: 'book', quantity: 2, unitPrice: usd(500n) }],
      total: usd(1_000n),
      balance: usd(700n),
      balanceFromCache: false,
      balanceAsOfTime: expect.any(Date),
    });
    await expect(Array.fromAsync(orders.listOrders({ userId }))).resolves.toEqual([]);
    await expect(accounts.getBalance({ accountId: userId })).resolves.toMatchObject({ balance: usd(700n) });
  });

  it('has no balance for a user without an account', async () => {
    await expect(orders.quoteOrder(twoBooks(await newUser()))).resolves.toMatchObject({
      total: usd(1_000n),
      balance: undefined,
      balanceFromCache: false,
      balanceAsOfTime: undefined,
    });
  });

  it('refuses what PlaceOrder refuses', async () => {
    const code = Status.FAILED_PRECONDITION;
    await expect(orders.quoteOrder(twoBooks('nobody'))).rejects.toMatchObject({ code, reason: 'UNKNOWN_USER' });
    const items = [{ sku: 'lamp', quantity: 1 }];
    await expect(orders.quoteOrder({ userId: await newUser(), items })).rejects.toMatchObject({
      code,
      reason: 'UNKNOWN_ITEM',
    });
  });

  it('shows the last balance, and since when it may be wrong, while the payment service does not answer', async () => {
    const [known, unknown] = [await newCustomer(700n), await newCustomer(100n)];
    const { balanceAsOfTime } = await orders.quoteOrder(twoBooks(known));
    await accounts.deposit({ accountId: known, amount: usd(50n) });
    link.blackHole();

    const startMs = performance.now();
    const quotes = await Promise.all([orders.quoteOrder(twoBooks(known)), orders.quoteOrder(twoBooks(unknown))]);
    // Less than the 5 s that GetBalance has by itself.
    expect(performance.now() - startMs).toBeLessThan(4_500);
    expect(quotes).toMatchObject([
      { total: usd(1_000n), balance: usd(700n), balanceFromCache: true, balanceAsOfTime },
      { total: usd(1_000n), balance: undefined, balanceFromCache: true, balanceAsOfTime: undefined },
    ]);

    link.heal();
    // The first ones may come before the connection is usable again, and do not wait for it.
    await eventually(async () =>
      expect(await orders.quoteOrder(twoBooks(known))).toMatchObject({ balance: usd(750n), balanceFromCache: false }),
    );
  });
});
