import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderEvent } from '#gen/order/v1/events.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { describeServicesOnEachDatabase } from '#mesh/testing';
import { type OrderMesh, orderBy, shippingAddress, startOrderMesh, usd } from './testing/order-mesh.ts';

describeServicesOnEachDatabase('the order service', (settings) => {
  let shop: OrderMesh;

  beforeAll(async () => {
    shop = await startOrderMesh(settings());
  });
  afterAll(() => shop.mesh.stop());

  describe('PlaceOrder', () => {
    it('returns the order in PENDING, priced by the server', async () => {
      const userId = await shop.newUser();
      const items = [{ sku: 'book', quantity: 2, unitPrice: usd(1n) }];
      const order = await shop.orders.placeOrder({ ...orderBy(userId), items });
      expect(order).toMatchObject({
        userId,
        items: [{ sku: 'book', quantity: 2, unitPrice: usd(500n) }],
        total: usd(1_000n),
        state: OrderState.ORDER_STATE_PENDING,
        shippingAddress,
        etag: '1',
      });
      expect(order.failure).toBeUndefined();
      expect((await shop.statesOf(order.id)).at(-1)).toBe('COMPLETED');
    });

    it('begins a saga that the version before knows, if a process of it may use the database too', async () => {
      const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser()));
      const saga = await shop.sagas.get({ id });
      const isShared = settings().DATABASE_URL?.startsWith('postgres');
      expect(saga).toMatchObject({ name: 'place-order', definitionVersion: isShared ? 1 : 2 });
      expect((await shop.statesOf(id)).at(-1)).toBe('COMPLETED');
    });

    it('places one order per request id, even if the order has progressed since, and refuses another payload', async () => {
      const request = orderBy(await shop.newUser());
      const order = await shop.orders.placeOrder(request);
      await shop.statesOf(order.id);
      await expect(shop.orders.placeOrder(request)).resolves.toEqual(order);
      const other = shop.orders.placeOrder({ ...request, items: [{ sku: 'book', quantity: 3 }] });
      await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
      await expect(Array.fromAsync(shop.orders.listOrders({ userId: request.userId }))).resolves.toHaveLength(1);
    });

    it('refuses unknown users, and reports every unknown item', async () => {
      const refusal = { code: Status.FAILED_PRECONDITION };
      await expect(shop.orders.placeOrder(orderBy('nobody'))).rejects.toMatchObject({
        ...refusal,
        reason: 'UNKNOWN_USER',
      });
      const userId = await shop.newUser();
      const items = ['lamp', 'book', 'desk'].map((sku) => ({ sku, quantity: 1 }));
      await expect(shop.orders.placeOrder(orderBy(userId, items))).rejects.toMatchObject({
        ...refusal,
        reason: 'UNKNOWN_ITEM',
        metadata: { skus: 'lamp,desk' },
      });
      await expect(Array.fromAsync(shop.orders.listOrders({ userId }))).resolves.toEqual([]);
    });

    it('refuses items of two currencies, and a total beyond 64 bits', async () => {
      const [euros, dear] = [`euros-${randomUUID()}`, `dear-${randomUUID()}`];
      const unitPrice = { currencyCode: 'EUR', minorUnits: 1n };
      await shop.inventory.createItem({ item: { sku: euros, name: euros, unitPrice } });
      await shop.inventory.createItem({ item: { sku: dear, name: dear, unitPrice: usd(2n ** 63n - 1n) } });
      const userId = await shop.newUser();
      const mixed = ['book', euros].map((sku) => ({ sku, quantity: 1 }));
      await expect(shop.orders.placeOrder(orderBy(userId, mixed))).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'CURRENCY_MISMATCH',
      });
      await expect(shop.orders.placeOrder(orderBy(userId, [{ sku: dear, quantity: 2 }]))).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'items' }],
      });
    });

    it('reports every line that repeats a sku', async () => {
      const items = ['book', 'lamp', 'book', 'lamp'].map((sku) => ({ sku, quantity: 1 }));
      await expect(shop.orders.placeOrder(orderBy('ada', items))).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'items[2].sku' }, { field: 'items[3].sku' }],
      });
    });
  });

  describe('ListOrders', () => {
    it('streams the matching orders in id order, and resumes after an id', async () => {
      const userId = await shop.newUser(2_000n);
      const [first, second, third] = [
        await shop.placeToEnd(userId),
        await shop.placeToEnd(userId),
        await shop.placeToEnd(userId),
      ];
      const list = async (filter: Parameters<typeof shop.orders.listOrders>[0]) =>
        Array.fromAsync(shop.orders.listOrders(filter));
      await expect(list({ userId })).resolves.toEqual([first, second, third]);
      await expect(list({ userId, afterId: first.id, limit: 1 })).resolves.toEqual([second]);
      await expect(list({ userId, state: OrderState.ORDER_STATE_FAILED })).resolves.toEqual([third]);
      await expect(list({ userId, state: OrderState.ORDER_STATE_PENDING })).resolves.toEqual([]);
      await expect(list({ afterId: second.id, state: OrderState.ORDER_STATE_FAILED })).resolves.toContainEqual(third);
    });
  });

  describe('an order that fails', () => {
    it('shows why, and publishes each of its versions in order', async () => {
      const order = await shop.placeToEnd(await shop.newUser(0n));
      expect(order).toMatchObject({ state: OrderState.ORDER_STATE_FAILED, failure: { reason: 'INSUFFICIENT_FUNDS' } });
      const types: string[] = [];
      const ending = new AbortController();
      for await (const event of shop.mesh.runtime.events.read('order.events', { at: 'beginning' }, ending.signal)) {
        if (event.key !== order.id) continue;
        const message = OrderEvent.fromJSON(JSON.parse(Buffer.from(event.value).toString()));
        expect(message.version).toBe(BigInt(types.push(message.type)));
        expect(message.order?.etag).toBe(`${message.version}`);
        if (message.type === 'ORDER_FAILED') ending.abort();
      }
      expect(types).toEqual(['ORDER_PLACED', 'ORDER_RESERVED', 'ORDER_COMPENSATING', 'ORDER_FAILED']);
    });
  });
});
