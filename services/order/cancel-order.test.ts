import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeServicesOnEachDatabase } from '#mesh/testing';
import { type OrderMesh, orderBy, startOrderMesh, stateOf, usd } from './testing/order-mesh.ts';

describeServicesOnEachDatabase('the order service', (settings) => {
  let shop: OrderMesh;

  beforeAll(async () => {
    shop = await startOrderMesh(settings());
  });
  afterEach(() => shop.removeWrappers());
  afterAll(() => shop.mesh.stop());

  async function reservedBooks(): Promise<bigint> {
    return (await shop.inventory.getItem({ sku: 'book' })).reserved;
  }

  describe('CancelOrder', () => {
    const cancellable = [
      ['PENDING', 'reserveStock'],
      ['RESERVED', 'charge'],
      ['PAID', 'createShipment'],
    ] as const;
    it.each(cancellable)('cancels an order that is %s and undoes what was done', async (state, next) => {
      const userId = await shop.newUser();
      const reservedBefore = await reservedBooks();
      const { called, release } = shop.holdBack(next);
      const { id } = await shop.orders.placeOrder(orderBy(userId));
      await called;
      const request = { requestId: randomUUID(), id, reason: 'changed my mind' };
      const answer = await shop.orders.cancelOrder(request);
      expect(stateOf(answer)).toBe(state);
      await expect(shop.orders.cancelOrder({ id })).resolves.toEqual(answer);
      release();
      expect((await shop.statesOf(id)).at(-1)).toBe('CANCELLED');
      await expect(shop.orders.getOrder({ id })).resolves.toMatchObject({
        failure: { reason: 'CANCELLED_BY_USER', message: 'changed my mind' },
      });
      await expect(shop.orders.cancelOrder(request)).resolves.toEqual(answer);
      await expect(shop.accounts.getBalance({ accountId: userId })).resolves.toMatchObject({ balance: usd(10_000n) });
      expect(await reservedBooks()).toBe(reservedBefore);
    });

    it('refuses an order that can only complete', async () => {
      const { called, release } = shop.holdBack('commitStock');
      const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser()));
      await called;
      await expect(shop.orders.cancelOrder({ id })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'ORDER_NOT_CANCELLABLE',
        metadata: { order_id: id, state: 'SHIPPED' },
      });
      release();
      expect((await shop.statesOf(id)).at(-1)).toBe('COMPLETED');
    });

    it('refuses an order that has completed or failed', async () => {
      const userId = await shop.newUser(1_000n);
      const completed = await shop.placeToEnd(userId);
      const failed = await shop.placeToEnd(userId);
      expect([completed, failed].map(stateOf)).toEqual(['COMPLETED', 'FAILED']);
      for (const { id } of [completed, failed]) {
        await expect(shop.orders.cancelOrder({ id })).rejects.toMatchObject({
          reason: 'ORDER_NOT_CANCELLABLE',
          message: expect.stringContaining('and cannot be cancelled'),
        });
      }
    });

    it('does not change an order that is being compensated', async () => {
      const { called, release } = shop.holdBack('releaseStock');
      const { id } = await shop.orders.placeOrder(orderBy(await shop.newUser(0n)));
      await called;
      expect(stateOf(await shop.orders.cancelOrder({ id }))).toBe('COMPENSATING');
      release();
      expect(await shop.statesOf(id)).toContain('FAILED');
      await expect(shop.orders.getOrder({ id })).resolves.toMatchObject({ failure: { reason: 'INSUFFICIENT_FUNDS' } });
    });

    it('returns NOT_FOUND for an unknown order', async () => {
      const unknown = { code: Status.NOT_FOUND, reason: 'ORDER_NOT_FOUND' };
      await expect(shop.orders.cancelOrder({ id: 'unknown' })).rejects.toMatchObject(unknown);
      await expect(shop.orders.getOrder({ id: 'unknown' })).rejects.toMatchObject(unknown);
    });
  });
});
