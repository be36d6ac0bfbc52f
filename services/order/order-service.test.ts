import { randomUUID } from 'node:crypto';
import { type Client, type CompatServiceDefinition, Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { OrderEvent } from '#gen/order/v1/events.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { type Order, type OrderServiceDefinition, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition } from '#gen/payment/v1/payment.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { MeshError, type ServiceDefinition, type Storage } from '#mesh';
import { describeServicesOnEachDatabase, eventually, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from '../inventory/service.ts';
import { paymentService } from '../payment/service.ts';
import { shippingService } from '../shipping/service.ts';
import { userService } from '../user/service.ts';
import { orderService } from './service.ts';

/** What happens to the calls of the order service on their way to others, by method; those not named just go. */
type OnTheWay = Partial<Record<string, (call: () => Promise<unknown>) => Promise<unknown>>>;

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const shippingAddress = {
  recipient: 'Ada',
  lines: ['1 Main St'],
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
};

/** The order service, whose calls to others pass by what `onTheWay` says at the time. */
function createIntercepted(onTheWay: () => OnTheWay): ServiceDefinition {
  const intercept = <Definition extends CompatServiceDefinition>(client: Client<Definition>): Client<Definition> =>
    new Proxy(client, {
      get: (target, method) => {
        const call: unknown = Reflect.get(target, method);
        if (typeof call !== 'function') return call;
        return (...args: unknown[]) => {
          const go = () => Promise.resolve(Reflect.apply(call, target, args));
          return onTheWay()[String(method)]?.(go) ?? go();
        };
      },
    });
  return onRuntime(orderService, (runtime) => ({
    ...runtime,
    client: (contract) => intercept(runtime.client(contract)),
  }));
}

describeServicesOnEachDatabase('the order service', (settings) => {
  let mesh: TestMesh;
  let orders: Client<OrderServiceDefinition>;
  let inventory: Client<InventoryServiceDefinition>;
  let accounts: Client<AccountServiceDefinition>;
  let onTheWay: OnTheWay = {};

  beforeAll(async () => {
    const services = [userService, inventoryService, paymentService, shippingService];
    mesh = await startMesh([...services, createIntercepted(() => onTheWay)], settings());
    orders = mesh.runtime.client(OrderServiceContract);
    inventory = mesh.runtime.client(InventoryServiceContract);
    accounts = mesh.runtime.client(AccountServiceContract);
    await inventory.createItem({ item: { sku: 'book', name: 'Book', unitPrice: usd(500n), onHand: 1_000n } });
  });
  afterEach(() => {
    onTheWay = {};
  });
  afterAll(() => mesh.stop());

  /** A new user with `minorUnits` USD. */
  async function newUser(minorUnits = 10_000n): Promise<string> {
    const id = `user-${randomUUID()}`;
    await mesh.runtime.client(UserServiceContract).createUser({ user: { id, name: id, email: `${id}@example.com` } });
    await accounts.openAccount({ accountId: id, currencyCode: 'USD' });
    if (minorUnits > 0n) await accounts.deposit({ accountId: id, amount: usd(minorUnits) });
    return id;
  }

  function orderBy(userId: string, items: { sku: string; quantity: number }[] = [{ sku: 'book', quantity: 2 }]) {
    return { requestId: randomUUID(), userId, items, shippingAddress };
  }

  /** The states of an order until it ends, from the one it is in. */
  async function statesOf(id: string): Promise<string[]> {
    return (await Array.fromAsync(orders.watchOrder({ id }))).map(stateOf);
  }

  async function placeToEnd(userId: string): Promise<Order> {
    const { id } = await orders.placeOrder(orderBy(userId));
    await statesOf(id);
    return orders.getOrder({ id });
  }

  /** Holds back the calls of a method; `called` resolves when one comes. */
  function holdBack(method: string) {
    const called = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    onTheWay[method] = async (call) => {
      called.resolve();
      await released.promise;
      return call();
    };
    return { called: called.promise, release: released.resolve };
  }

  async function reservedBooks(): Promise<bigint> {
    return (await inventory.getItem({ sku: 'book' })).reserved;
  }

  describe('PlaceOrder', () => {
    it('returns the order in PENDING, priced by the server', async () => {
      const userId = await newUser();
      const items = [{ sku: 'book', quantity: 2, unitPrice: usd(1n) }];
      const order = await orders.placeOrder({ ...orderBy(userId), items });
      expect(order).toMatchObject({
        userId,
        items: [{ sku: 'book', quantity: 2, unitPrice: usd(500n) }],
        total: usd(1_000n),
        state: OrderState.ORDER_STATE_PENDING,
        shippingAddress,
        etag: '1',
      });
      expect(order.failure).toBeUndefined();
      expect((await statesOf(order.id)).at(-1)).toBe('COMPLETED');
    });

    it('places one order per request id, even if the order has progressed since, and refuses another payload', async () => {
      const request = orderBy(await newUser());
      const order = await orders.placeOrder(request);
      await statesOf(order.id);
      await expect(orders.placeOrder(request)).resolves.toEqual(order);
      const other = orders.placeOrder({ ...request, items: [{ sku: 'book', quantity: 3 }] });
      await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
      await expect(Array.fromAsync(orders.listOrders({ userId: request.userId }))).resolves.toHaveLength(1);
    });

    it('refuses unknown users, and reports every unknown item', async () => {
      const refusal = { code: Status.FAILED_PRECONDITION };
      await expect(orders.placeOrder(orderBy('nobody'))).rejects.toMatchObject({ ...refusal, reason: 'UNKNOWN_USER' });
      const userId = await newUser();
      const items = ['lamp', 'book', 'desk'].map((sku) => ({ sku, quantity: 1 }));
      await expect(orders.placeOrder(orderBy(userId, items))).rejects.toMatchObject({
        ...refusal,
        reason: 'UNKNOWN_ITEM',
        metadata: { skus: 'lamp,desk' },
      });
      await expect(Array.fromAsync(orders.listOrders({ userId }))).resolves.toEqual([]);
    });

    it('refuses items of two currencies, and a total beyond 64 bits', async () => {
      const [euros, dear] = [`euros-${randomUUID()}`, `dear-${randomUUID()}`];
      const unitPrice = { currencyCode: 'EUR', minorUnits: 1n };
      await inventory.createItem({ item: { sku: euros, name: euros, unitPrice } });
      await inventory.createItem({ item: { sku: dear, name: dear, unitPrice: usd(2n ** 63n - 1n) } });
      const userId = await newUser();
      const mixed = ['book', euros].map((sku) => ({ sku, quantity: 1 }));
      await expect(orders.placeOrder(orderBy(userId, mixed))).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'CURRENCY_MISMATCH',
      });
      await expect(orders.placeOrder(orderBy(userId, [{ sku: dear, quantity: 2 }]))).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'items' }],
      });
    });

    it('reports every line that repeats a sku', async () => {
      const items = ['book', 'lamp', 'book', 'lamp'].map((sku) => ({ sku, quantity: 1 }));
      await expect(orders.placeOrder(orderBy('ada', items))).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'items[2].sku' }, { field: 'items[3].sku' }],
      });
    });
  });

  describe('ListOrders', () => {
    it('streams the matching orders in id order, and resumes after an id', async () => {
      const userId = await newUser(2_000n);
      const [first, second, third] = [await placeToEnd(userId), await placeToEnd(userId), await placeToEnd(userId)];
      const list = async (filter: Parameters<typeof orders.listOrders>[0]) =>
        Array.fromAsync(orders.listOrders(filter));
      await expect(list({ userId })).resolves.toEqual([first, second, third]);
      await expect(list({ userId, afterId: first.id, limit: 1 })).resolves.toEqual([second]);
      await expect(list({ userId, state: OrderState.ORDER_STATE_FAILED })).resolves.toEqual([third]);
      await expect(list({ userId, state: OrderState.ORDER_STATE_PENDING })).resolves.toEqual([]);
      await expect(list({ afterId: second.id, state: OrderState.ORDER_STATE_FAILED })).resolves.toContainEqual(third);
    });
  });

  describe('an order that fails', () => {
    it('shows why, and publishes each of its versions in order', async () => {
      const order = await placeToEnd(await newUser(0n));
      expect(order).toMatchObject({ state: OrderState.ORDER_STATE_FAILED, failure: { reason: 'INSUFFICIENT_FUNDS' } });
      const types: string[] = [];
      const ending = new AbortController();
      for await (const event of mesh.runtime.events.read('order.events', { at: 'beginning' }, ending.signal)) {
        if (event.key !== order.id) continue;
        const message = OrderEvent.fromJSON(JSON.parse(Buffer.from(event.value).toString()));
        expect(message.version).toBe(BigInt(types.push(message.type)));
        expect(message.order?.etag).toBe(`${message.version}`);
        if (message.type === 'ORDER_FAILED') ending.abort();
      }
      expect(types).toEqual(['ORDER_PLACED', 'ORDER_RESERVED', 'ORDER_COMPENSATING', 'ORDER_FAILED']);
    });
  });

  describe('CancelOrder', () => {
    const cancellable = [
      ['PENDING', 'reserveStock'],
      ['RESERVED', 'charge'],
      ['PAID', 'createShipment'],
    ] as const;
    it.each(cancellable)('cancels an order that is %s and undoes what was done', async (state, next) => {
      const userId = await newUser();
      const reservedBefore = await reservedBooks();
      const { called, release } = holdBack(next);
      const { id } = await orders.placeOrder(orderBy(userId));
      await called;
      const request = { requestId: randomUUID(), id, reason: 'changed my mind' };
      const answer = await orders.cancelOrder(request);
      expect(stateOf(answer)).toBe(state);
      await expect(orders.cancelOrder({ id })).resolves.toEqual(answer);
      release();
      expect((await statesOf(id)).at(-1)).toBe('CANCELLED');
      await expect(orders.getOrder({ id })).resolves.toMatchObject({
        failure: { reason: 'CANCELLED_BY_USER', message: 'changed my mind' },
      });
      await expect(orders.cancelOrder(request)).resolves.toEqual(answer);
      await expect(accounts.getBalance({ accountId: userId })).resolves.toMatchObject({ balance: usd(10_000n) });
      expect(await reservedBooks()).toBe(reservedBefore);
    });

    it('is refused once the order can only complete', async () => {
      const { called, release } = holdBack('commitStock');
      const { id } = await orders.placeOrder(orderBy(await newUser()));
      await called;
      await expect(orders.cancelOrder({ id })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'ORDER_NOT_CANCELLABLE',
        metadata: { order_id: id, state: 'SHIPPED' },
      });
      release();
      expect((await statesOf(id)).at(-1)).toBe('COMPLETED');
    });

    it('is refused once the order has completed or failed', async () => {
      const userId = await newUser(1_000n);
      const completed = await placeToEnd(userId);
      const failed = await placeToEnd(userId);
      expect([completed, failed].map(stateOf)).toEqual(['COMPLETED', 'FAILED']);
      for (const { id } of [completed, failed]) {
        await expect(orders.cancelOrder({ id })).rejects.toMatchObject({
          reason: 'ORDER_NOT_CANCELLABLE',
          message: expect.stringContaining('and cannot be cancelled'),
        });
      }
    });

    it('does not change an order that is being compensated', async () => {
      const { called, release } = holdBack('releaseStock');
      const { id } = await orders.placeOrder(orderBy(await newUser(0n)));
      await called;
      expect(stateOf(await orders.cancelOrder({ id }))).toBe('COMPENSATING');
      release();
      expect(await statesOf(id)).toContain('FAILED');
      await expect(orders.getOrder({ id })).resolves.toMatchObject({ failure: { reason: 'INSUFFICIENT_FUNDS' } });
    });

    it('returns NOT_FOUND for an unknown order', async () => {
      const unknown = { code: Status.NOT_FOUND, reason: 'ORDER_NOT_FOUND' };
      await expect(orders.cancelOrder({ id: 'unknown' })).rejects.toMatchObject(unknown);
      await expect(orders.getOrder({ id: 'unknown' })).rejects.toMatchObject(unknown);
    });
  });

  describe('an order whose services are wired wrongly', () => {
    it.each(['createShipment', 'commitStock'])('waits until %s reaches its service, and completes', async (method) => {
      let isRepaired = false;
      onTheWay[method] = async (call) => {
        if (isRepaired) return call();
        throw new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD', 'this server has no such method');
      };
      const { id } = await orders.placeOrder(orderBy(await newUser()));
      await eventually(async () =>
        expect(await Array.fromAsync(sagaOf(mesh).list({ failing: true }, ''), ({ subjectId }) => subjectId)).toContain(
          id,
        ),
      );
      expect((await orders.getOrder({ id })).failure).toBeUndefined();
      isRepaired = true;
      const states = await statesOf(id);
      expect(states.at(-1)).toBe('COMPLETED');
      expect(states).not.toContain('COMPENSATING');
    });
  });

  describe('an order that needs attention', () => {
    it('is watched until an operator has it compensated', async () => {
      onTheWay.releaseStock = async () => {
        throw new MeshError(Status.FAILED_PRECONDITION, 'NOT_ALLOWED', 'not today');
      };
      const { id } = await orders.placeOrder(orderBy(await newUser(0n)));
      const states: string[] = [];
      for await (const order of orders.watchOrder({ id })) {
        states.push(stateOf(order));
        if (states.at(-1) !== 'NEEDS_ATTENTION') continue;
        expect(stateOf(await orders.cancelOrder({ id }))).toBe('NEEDS_ATTENTION');
        onTheWay = {};
        await sagaOf(mesh).retry(id, 'allowed now');
      }
      expect(states.slice(-3)).toEqual(['NEEDS_ATTENTION', 'COMPENSATING', 'FAILED']);
    });
  });
});

describeServicesOnEachDatabase('the order service that stops', (settings) => {
  it('aborts a hanging step and releases the saga, within its grace period', async () => {
    const called = Promise.withResolvers<void>();
    const hangs: OnTheWay = {
      reserveStock: () => {
        called.resolve();
        return new Promise(() => undefined);
      },
    };
    const services = [userService, inventoryService, paymentService, shippingService];
    let storage: Storage | undefined;
    const hanging = onRuntime(
      createIntercepted(() => hangs),
      (runtime) => {
        const openStorage = async (service: string) => {
          storage = await runtime.openStorage(service);
          return storage;
        };
        return { ...runtime, openStorage };
      },
    );
    const mesh = await startMesh([...services, hanging], settings());
    const { runtime } = mesh;
    await runtime.client(InventoryServiceContract).createItem({
      item: { sku: 'book', name: 'Book', unitPrice: usd(500n), onHand: 10n },
    });
    await runtime.client(UserServiceContract).createUser({ user: { id: 'ada', name: 'Ada', email: 'a@b.example' } });
    const items = [{ sku: 'book', quantity: 1 }];
    const request = { requestId: randomUUID(), userId: 'ada', items, shippingAddress };
    const { id } = await runtime.client(OrderServiceContract).placeOrder(request);
    await called.promise;
    const graceMs = 500;
    const startMs = performance.now();
    const order = mesh.services.find(({ name }) => name === 'order');
    await order?.stop?.(graceMs);
    // Less than the 5 s that sagas have where nobody says otherwise.
    expect(performance.now() - startMs).toBeLessThan(4_000);
    const rows = await storage?.query('SELECT lease_owner FROM saga WHERE subject_id = $1', [id]);
    expect(rows).toEqual([{ lease_owner: null }]);
    await mesh.stop();
  }, 30_000);
});

function stateOf({ state }: Order): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}

function sagaOf({ services }: TestMesh) {
  const [sagas] = services.flatMap((service) => service.sagas ?? []);
  return sagas ?? expect.fail('no service has sagas');
}
