import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { type InventoryServiceDefinition, ReservationState } from '#gen/inventory/v1/inventory.ts';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from './service.ts';

describeServicesOnEachDatabase('ListReservations', (settings) => {
  let mesh: TestMesh;
  let inventory: Client<InventoryServiceDefinition>;

  beforeAll(async () => {
    mesh = await startMesh([inventoryService], settings());
    inventory = mesh.runtime.client(InventoryServiceContract);
  });
  afterAll(() => mesh.stop());

  async function newItem(onHand: bigint): Promise<string> {
    const sku = `item-${randomUUID()}`;
    await inventory.createItem({
      item: { sku, name: sku, unitPrice: { currencyCode: 'USD', minorUnits: 1n }, onHand },
    });
    return sku;
  }

  async function reserve(orderId: string): Promise<void> {
    await inventory.reserveStock({ orderId, items: [{ sku: await newItem(1n), quantity: 1n }] });
  }

  const list = (request: Parameters<typeof inventory.listReservations>[0]) =>
    Array.fromAsync(inventory.listReservations(request));

  it('streams reservations with their items by order id, resumes after one, and ends at the limit', async () => {
    const [first, second] = [await newItem(9n), await newItem(9n)];
    const items = [second, first].map((sku) => ({ sku, quantity: 2n }));
    const last = await inventory.reserveStock({ orderId: 'listed-3', items: items.slice(1) });
    const one = await inventory.reserveStock({ orderId: 'listed-1', items });
    const none = await inventory.releaseStock({ orderId: 'listed-2' });
    expect(await list({ afterOrderId: 'listed-', limit: 3 })).toEqual([one, none, last]);
    expect(await list({ afterOrderId: 'listed-1', limit: 1 })).toEqual([none]);
  });

  it('streams only those in a state', async () => {
    for (const orderId of ['of-1', 'of-2', 'of-3']) await reserve(orderId);
    await inventory.commitStock({ orderId: 'of-2' });
    await inventory.releaseStock({ orderId: 'of-3' });
    const listed = async (state: ReservationState) =>
      (await list({ afterOrderId: 'of-', limit: 1, state })).map(({ orderId }) => orderId);
    expect(await listed(ReservationState.RESERVATION_STATE_RESERVED)).toEqual(['of-1']);
    expect(await listed(ReservationState.RESERVATION_STATE_COMMITTED)).toEqual(['of-2']);
    expect(await listed(ReservationState.RESERVATION_STATE_RELEASED)).toEqual(['of-3']);
  });

  it('streams more than a page, each with its own items', async () => {
    const sku = await newItem(1_000_000n);
    const orderIds = Array.from({ length: 501 }, (_, index) => `page-${String(index).padStart(3, '0')}`);
    for (const [index, orderId] of orderIds.entries()) {
      await inventory.reserveStock({ orderId, items: [{ sku, quantity: BigInt(index + 1) }] });
    }
    const found = (await list({ afterOrderId: 'page-', limit: 501 })).map(({ orderId, items }) => ({
      orderId,
      items,
    }));
    expect(found).toEqual(
      orderIds.map((orderId, index) => ({ orderId, items: [{ sku, quantity: BigInt(index + 1) }] })),
    );
  });
});
