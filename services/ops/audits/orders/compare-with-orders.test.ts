import { Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrderServiceContract, type OrderServiceHandlers } from '#gen/order/v1/order.contract.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { type AuditCheck, type Finding, MeshError, serve } from '#mesh';
import { startMesh, type TestMesh, testService } from '#mesh/testing';
import { type Comparison, compareWithOrders } from './compare-with-orders.ts';

/** What is compared with orders here: how many parcels each has, which is to be one where it is shipped. */
interface Parcels {
  readonly orderId: string;
  readonly count: number;
}

const order = (id: string) => Order.fromPartial({ id, state: OrderState.ORDER_STATE_SHIPPED });
const one = (orderId: string): Parcels => ({ orderId, count: 1 });
const ids = (count: number, prefix = 'o') =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
const missing = (id: string) => new MeshError(Status.NOT_FOUND, 'NOT_THERE', `there is no ${id}`);

describe('a check that orders agree with something', () => {
  let mesh: TestMesh;
  let comparison: Comparison<Parcels>;
  let check: AuditCheck;
  let orders: Order[];
  /** As they are listed, and as they are when they are asked for by themselves. */
  let listed: Parcels[];
  let exact: Map<string, number>;
  let get: (orderId: string) => Promise<Parcels>;
  let gets: string[];
  let examined: number;
  /** The instance that lists orders stops once after each of these. */
  let stopAfter: Set<string>;

  beforeEach(async () => {
    [orders, listed, exact, gets, examined, stopAfter] = [[], [], new Map(), [], 0, new Set()];
    get = async (orderId) => {
      const count = exact.get(orderId);
      if (count === undefined) throw missing(orderId);
      return { orderId, count };
    };
    const notHere = async () => Promise.reject(new Error('no test calls this'));
    const orderRpc: OrderServiceHandlers = {
      placeOrder: notHere,
      cancelOrder: notHere,
      quoteOrder: notHere,
      async *watchOrder() {
        yield await notHere();
      },
      async *listOrders({ afterId }) {
        for (const each of orders.filter(({ id }) => id > afterId)) {
          yield each;
          if (stopAfter.delete(each.id)) throw new MeshError(Status.UNAVAILABLE, 'SERVER_DRAINING', 'it stops');
        }
      },
      async getOrder({ id }) {
        return orders.find((each) => each.id === id) ?? Promise.reject(missing(id));
      },
    };
    const serves = [serve(OrderServiceContract, orderRpc, { idempotency: 'by-handler' })];
    mesh = await startMesh([testService('order', async () => ({ serves }))]);
    comparison = {
      name: 'orders/parcels',
      async *list() {
        yield* listed;
      },
      get: (orderId) => {
        gets.push(orderId);
        return get(orderId);
      },
      orderIdOf: ({ orderId }) => orderId,
      positionOf: ({ orderId }) => orderId,
      orderPositionOf: ({ id }) => id,
      judge: (id, found, parcels): Finding | undefined => {
        if (found && parcels?.count === 1) return undefined;
        return { reason: 'PARCELS_DIFFER', ids: [id], message: `${found ? 1 : 0} ${parcels?.count ?? 0}` };
      },
    };
    check = createCheck();
  });
  afterEach(() => mesh.stop());

  function createCheck(options: Partial<Comparison<Parcels>> = {}): AuditCheck {
    const { runtime } = mesh;
    return compareWithOrders({ ...comparison, ...options }, runtime.client(OrderServiceContract), runtime.clock);
  }

  function run(signal = new AbortController().signal): Promise<Finding[]> {
    const progress = {
      examined: (count: number) => {
        examined += count;
      },
    };
    return Array.fromAsync(check.run(progress, signal));
  }

  it('reads nothing again if both lists agree', async () => {
    orders = ids(1_200).map(order);
    listed = ids(1_200).map(one);
    expect(await run()).toEqual([]);
    expect({ examined, gets }).toEqual({ examined: 1_200, gets: [] });
  });

  it('continues a list of orders whose instance stops', async () => {
    orders = ids(1_200).map(order);
    listed = ids(1_200).map(one);
    stopAfter = new Set(['o00000', 'o00700']);
    expect(await run()).toEqual([]);
    expect({ examined, gets, left: stopAfter.size }).toEqual({ examined: 1_200, gets: [], left: 0 });
  });

  it('reads nothing one by one if thousands of orders waited before they were paid', async () => {
    // As after an outage: the list of the others continues where that of the orders was 20,000 orders ago.
    const [early, waiting] = [ids(100, 'a'), ids(20_000, 'b')];
    const meanwhile = ids(20_000, 'c');
    orders = [...early, ...waiting, ...meanwhile].map(order);
    listed = [...early, ...meanwhile, ...waiting].map(one);
    expect(await run()).toEqual([]);
    expect(gets).toEqual([]);
  });

  it('does not report what only the lists show, since they are not consistent', async () => {
    orders = ids(3).map(order);
    listed = [one('o00001')];
    exact = new Map(ids(3).map((id) => [id, 1]));
    expect(await run()).toEqual([]);
    expect(gets.toSorted()).toEqual(['o00000', 'o00002']);
  });

  it('does not report what is right at the second look', async () => {
    orders = ids(1).map(order);
    listed = [{ orderId: 'o00000', count: 0 }];
    get = async (orderId) => ({ orderId, count: gets.length === 1 ? 0 : 1 });
    expect(await run()).toEqual([]);
    expect(gets).toHaveLength(2);
  });

  it('reports what is wrong at both looks once, as seen last', async () => {
    orders = ids(2).map(order);
    listed = [one('o00000'), { orderId: 'o00001', count: 5 }, one('unknown')];
    exact = new Map([
      ['o00001', 6],
      ['unknown', 1],
    ]);
    expect((await run()).toSorted((a, b) => (a.message < b.message ? -1 : 1))).toEqual([
      { reason: 'PARCELS_DIFFER', ids: ['unknown'], message: '0 1' },
      { reason: 'PARCELS_DIFFER', ids: ['o00001'], message: '1 6' },
    ]);
    expect(gets.filter((id) => id === 'o00001')).toHaveLength(2);
    expect(examined).toBe(3);
  });

  it('reports a fault once if its two sides are too far apart to be joined', async () => {
    check = createCheck({ window: 1_000 });
    const between = ids(1_100, 'n');
    orders = ['m', ...between, 'z'].map(order);
    listed = ['z', 'm'].map(one);
    exact = new Map([...between.map((id) => [id, 1] as const), ['m', 7]]);
    expect(await run()).toEqual([{ reason: 'PARCELS_DIFFER', ids: ['m'], message: '1 7' }]);
    expect(gets.filter((id) => id === 'm')).toHaveLength(2);
  });

  it('reads 500 wrong orders again, with one wait, and counts the others', async () => {
    orders = ids(2_600).map(order);
    const startMs = performance.now();
    const found = await run();
    expect(performance.now() - startMs).toBeLessThan(25_000);
    const last = found.pop();
    expect(new Set(found.flatMap((finding) => finding.ids)).size).toBe(500);
    expect(gets).toHaveLength(1_000);
    const message = 'up to 2100 more orders look the same in a list; fix the reported ones and audit again';
    expect(last).toEqual({ reason: 'PARCELS_DIFFER', ids: [], message });
    expect(examined).toBe(2_600);
  });

  it('reports 500 wrong orders, even if some of the first suspects are right', async () => {
    orders = ids(1_200).map(order);
    exact = new Map([['o00000', 1]]);
    const found = await run();
    expect(new Set(found.flatMap((finding) => finding.ids)).size).toBe(500);
    expect(found.at(-1)?.message).toMatch(/^up to 699 more orders /);
  });

  it('reads at most 16 at a time', async () => {
    orders = ids(50).map(order);
    let [underWay, most] = [0, 0];
    get = async (orderId) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise(setImmediate);
      underWay -= 1;
      return one(orderId);
    };
    expect(await run()).toEqual([]);
    expect(gets).toHaveLength(50);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(16);
  });

  it('fails if a service cannot be reached', async () => {
    orders = ids(1).map(order);
    get = async () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'CARRIER_UNAVAILABLE', 'away'));
    await expect(run()).rejects.toMatchObject({ reason: 'CARRIER_UNAVAILABLE' });
  });

  it('ends when it is cancelled between two looks', async () => {
    orders = ids(1).map(order);
    const call = new AbortController();
    get = async (orderId) => {
      setImmediate(() => call.abort(new Error('the call ended')));
      return { orderId, count: 0 };
    };
    await expect(run(call.signal)).rejects.toThrow('the call ended');
    expect(gets).toHaveLength(1);
  });
});
