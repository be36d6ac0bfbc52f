import { Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MeshError, type Storage } from '#mesh';
import { describeServicesOnEachDatabase, eventually } from '#mesh/testing';
import { type OrderMesh, orderBy, startOrderMesh, stateOf } from './testing/order-mesh.ts';

describeServicesOnEachDatabase('the order service', (settings) => {
  let shop: OrderMesh;

  beforeAll(async () => {
    shop = await startOrderMesh(settings());
  });
  afterEach(() => shop.removeWrappers());
  afterAll(() => shop.mesh.stop());

  describe('an order whose services are wired wrongly', () => {
    it.each(['createShipment', 'commitStock'])('waits until %s reaches its service, and completes', async (method) => {
      let isRepaired = false;
      shop.wrappers[method] = async (call) => {
        if (isRepaired) return call();
        throw new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD', 'this server has no such method');
      };
      const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser()));
      await eventually(async () =>
        expect(await Array.fromAsync(shop.sagas.list({ failing: true }, ''), ({ subjectId }) => subjectId)).toContain(
          id,
        ),
      );
      expect((await shop.orders.getOrder({ id })).failure).toBeUndefined();
      isRepaired = true;
      const states = await shop.statesOf(id);
      expect(states.at(-1)).toBe('COMPLETED');
      expect(states).not.toContain('COMPENSATING');
    });
  });

  describe('an order that needs attention', () => {
    it('keeps its watchers until an operator has it compensated', async () => {
      shop.wrappers.releaseStock = async () => {
        throw new MeshError(Status.FAILED_PRECONDITION, 'NOT_ALLOWED', 'not today');
      };
      const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser(0n)));
      const states: string[] = [];
      for await (const order of shop.orders.watchOrder({ id })) {
        states.push(stateOf(order));
        if (states.at(-1) !== 'NEEDS_ATTENTION') continue;
        expect(stateOf(await shop.orders.cancelOrder({ id }))).toBe('NEEDS_ATTENTION');
        shop.removeWrappers();
        await shop.sagas.retry(id, 'allowed now');
      }
      expect(states.slice(-3)).toEqual(['NEEDS_ATTENTION', 'COMPENSATING', 'FAILED']);
    });
  });
});

describeServicesOnEachDatabase('a stopping order service', (settings) => {
  it('aborts a hanging step and releases the saga, within its grace period', async () => {
    let storage: Storage | undefined;
    const shop = await startOrderMesh(settings(), (runtime) => {
      const openStorage = async (service: string) => {
        storage = await runtime.openStorage(service);
        return storage;
      };
      return { ...runtime, openStorage };
    });
    const { called } = shop.holdBack('reserveStock');
    const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser()));
    await called;
    const graceMs = 500;
    const startMs = performance.now();
    const order = shop.mesh.services.find(({ name }) => name === 'order');
    await order?.stop?.(graceMs);
    // Less than the 5 s that sagas have by default.
    expect(performance.now() - startMs).toBeLessThan(4_000);
    const rows = await storage?.query('SELECT lease_owner FROM saga WHERE id = $1', [id]);
    expect(rows).toEqual([{ lease_owner: null }]);
    await shop.mesh.stop();
  }, 30_000);
});
