import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { type InventoryServiceDefinition, ReservationState } from '#gen/inventory/v1/inventory.ts';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from './service.ts';

const unitPrice = { currencyCode: 'USD', minorUnits: 1999n };

describeServicesOnEachDatabase('the inventory service', (settings) => {
  let mesh: TestMesh;
  let inventory: Client<InventoryServiceDefinition>;
  let count = 0;

  beforeAll(async () => {
    mesh = await startMesh([inventoryService], settings());
    inventory = mesh.runtime.client(InventoryServiceContract);
  });
  afterAll(() => mesh.stop());

  async function newItem(onHand: bigint): Promise<string> {
    count += 1;
    const sku = `item-${String(count).padStart(4, '0')}`;
    await inventory.createItem({ item: { sku, name: sku, unitPrice, onHand } });
    return sku;
  }

  async function reserved(orderId: string, onHand: bigint, quantity: bigint): Promise<string> {
    const sku = await newItem(onHand);
    await inventory.reserveStock({ orderId, items: [{ sku, quantity }] });
    return sku;
  }

  describe('the item catalogue', () => {
    it('stores items with their stock, and returns them one by one, together and as a stream', async () => {
      const item = await inventory.createItem({
        item: { sku: 'a-first', name: 'First', unitPrice, onHand: 7n, reserved: 3n },
      });
      expect(item).toMatchObject({ sku: 'a-first', name: 'First', unitPrice, onHand: 7n, reserved: 0n, etag: '1' });
      const second = await inventory.createItem({ item: { sku: 'a-second', name: 'Second', unitPrice } });
      await expect(inventory.getItem({ sku: 'a-first' })).resolves.toEqual(item);
      const batch = await inventory.batchGetItems({ skus: ['a-second', 'none', 'a-first', 'a-second'] });
      expect(batch).toEqual({ items: [second, item], missingSkus: ['none'] });
      const listed = [];
      for await (const each of inventory.listItems({ afterSku: 'a-', limit: 2 })) listed.push(each);
      expect(listed).toEqual([item, second]);
    });

    it('refuses an item if its sku is taken or its price is negative', async () => {
      const sku = await newItem(1n);
      const taken = inventory.createItem({ item: { sku, name: 'Again', unitPrice } });
      await expect(taken).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'SKU_TAKEN' });
      const negative = inventory.createItem({
        item: { sku: 'minus', name: 'Minus', unitPrice: { ...unitPrice, minorUnits: -1n } },
      });
      await expect(negative).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'item.unit_price.minor_units' }],
      });
    });

    it('returns NOT_FOUND for unknown items', async () => {
      const unknown = { code: Status.NOT_FOUND, reason: 'ITEM_NOT_FOUND' };
      await expect(inventory.getItem({ sku: 'none' })).rejects.toMatchObject(unknown);
      await expect(inventory.adjustStock({ sku: 'none', delta: 1n })).rejects.toMatchObject(unknown);
      const reserve = inventory.reserveStock({ orderId: 'for-none', items: [{ sku: 'none', quantity: 1n }] });
      await expect(reserve).rejects.toMatchObject(unknown);
    });
  });

  describe('AdjustStock', () => {
    it('adds and takes, once per request id', async () => {
      const sku = await newItem(5n);
      const request = { requestId: randomUUID(), sku, delta: 10n, reason: 'delivery' };
      await inventory.adjustStock(request);
      await expect(inventory.adjustStock(request)).resolves.toMatchObject({ onHand: 15n, etag: '2' });
      await expect(inventory.adjustStock({ sku, delta: -15n })).resolves.toMatchObject({ onHand: 0n });
    });

    it('refuses to take what is reserved', async () => {
      const sku = await reserved('adjusting', 5n, 3n);
      await expect(inventory.adjustStock({ sku, delta: -3n })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'INSUFFICIENT_STOCK',
        metadata: { [sku]: '3/2' },
      });
      await expect(inventory.adjustStock({ sku, delta: -2n })).resolves.toMatchObject({ onHand: 3n, reserved: 3n });
    });

    it('refuses to exceed the limit of an item', async () => {
      const sku = await newItem(1n);
      const tooMuch = inventory.adjustStock({ sku, delta: 1_000_000_000_000n });
      await expect(tooMuch).rejects.toMatchObject({ code: Status.OUT_OF_RANGE, reason: 'STOCK_LIMIT' });
    });
  });

  describe('ReserveStock', () => {
    it('holds all items, in the order of the request', async () => {
      const [first, second] = [await newItem(5n), await newItem(5n)];
      const items = [
        { sku: second, quantity: 5n },
        { sku: first, quantity: 2n },
      ];
      const reservation = await inventory.reserveStock({ orderId: 'all', items });
      expect(reservation).toMatchObject({ orderId: 'all', state: ReservationState.RESERVATION_STATE_RESERVED, items });
      await expect(inventory.getReservation({ orderId: 'all' })).resolves.toEqual(reservation);
      await expect(inventory.getItem({ sku: first })).resolves.toMatchObject({ onHand: 5n, reserved: 2n });
      await expect(inventory.getItem({ sku: second })).resolves.toMatchObject({ onHand: 5n, reserved: 5n });
    });

    it('holds nothing if some items are short, reports each of those, and can be retried', async () => {
      const [plenty, few, none] = [await newItem(9n), await newItem(2n), await newItem(0n)];
      const items = [none, plenty, few].map((sku) => ({ sku, quantity: 3n }));
      const request = { requestId: randomUUID(), orderId: 'short', items };
      const refusal = await inventory.reserveStock(request).catch((error: unknown) => error);
      expect(refusal).toMatchObject({
        code: Status.FAILED_PRECONDITION,
        reason: 'INSUFFICIENT_STOCK',
        metadata: { [few]: '3/2', [none]: '3/0' },
      });
      expect(String(refusal)).toContain(`3 of "${few}" (2 available), 3 of "${none}" (0 available)`);
      await expect(inventory.getItem({ sku: plenty })).resolves.toMatchObject({ reserved: 0n, etag: '1' });
      await expect(inventory.getReservation({ orderId: 'short' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
      await inventory.adjustStock({ sku: few, delta: 1n });
      await inventory.adjustStock({ sku: none, delta: 3n });
      await expect(inventory.reserveStock(request)).resolves.toMatchObject({ orderId: 'short' });
    });

    it('refuses a repeated sku', async () => {
      const sku = await newItem(9n);
      const items = [1n, 2n].map((quantity) => ({ sku, quantity }));
      await expect(inventory.reserveStock({ orderId: 'twice', items })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'items[1].sku' }],
      });
    });

    it('returns the existing reservation if an order asks for the same items again, under any request id', async () => {
      const [first, second] = [await newItem(5n), await newItem(5n)];
      const items = [first, second].map((sku) => ({ sku, quantity: 1n }));
      const reservation = await inventory.reserveStock({ requestId: randomUUID(), orderId: 'same', items });
      const again = await inventory.reserveStock({
        requestId: randomUUID(),
        orderId: 'same',
        items: items.toReversed(),
      });
      expect(again).toEqual(reservation);
      await expect(inventory.getItem({ sku: first })).resolves.toMatchObject({ reserved: 1n });
    });

    it('refuses other items for an order that has a reservation', async () => {
      const sku = await reserved('other', 5n, 1n);
      const other = inventory.reserveStock({ orderId: 'other', items: [{ sku, quantity: 2n }] });
      await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'RESERVATION_EXISTS' });
    });
  });

  describe('ReleaseStock', () => {
    it('releases what was reserved, once', async () => {
      const sku = await reserved('released', 5n, 2n);
      const released = await inventory.releaseStock({ orderId: 'released' });
      expect(released).toMatchObject({
        state: ReservationState.RESERVATION_STATE_RELEASED,
        items: [{ sku, quantity: 2n }],
      });
      await expect(inventory.releaseStock({ orderId: 'released' })).resolves.toEqual(released);
      await expect(inventory.getItem({ sku })).resolves.toMatchObject({ onHand: 5n, reserved: 0n });
    });

    it('succeeds for an unknown order and prevents a later reserve and commit', async () => {
      const sku = await newItem(5n);
      const released = await inventory.releaseStock({ orderId: 'early' });
      expect(released).toMatchObject({ state: ReservationState.RESERVATION_STATE_RELEASED, items: [] });
      const refused = { code: Status.FAILED_PRECONDITION, reason: 'RESERVATION_RELEASED' };
      const late = inventory.reserveStock({ orderId: 'early', items: [{ sku, quantity: 1n }] });
      await expect(late).rejects.toMatchObject(refused);
      await expect(inventory.commitStock({ orderId: 'early' })).rejects.toMatchObject(refused);
    });

    it('refuses to release committed stock', async () => {
      await reserved('gone', 5n, 2n);
      await inventory.commitStock({ orderId: 'gone' });
      const late = inventory.releaseStock({ orderId: 'gone' });
      await expect(late).rejects.toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'RESERVATION_COMMITTED' });
    });
  });

  describe('CommitStock', () => {
    it('takes what was reserved out of the stock, once', async () => {
      const sku = await reserved('committed', 5n, 2n);
      const committed = await inventory.commitStock({ orderId: 'committed' });
      expect(committed.state).toBe(ReservationState.RESERVATION_STATE_COMMITTED);
      await expect(inventory.commitStock({ orderId: 'committed' })).resolves.toEqual(committed);
      await expect(inventory.getItem({ sku })).resolves.toMatchObject({ onHand: 3n, reserved: 0n, etag: '3' });
    });

    it('returns NOT_FOUND without a reservation', async () => {
      const unknown = inventory.commitStock({ orderId: 'never' });
      await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'RESERVATION_NOT_FOUND' });
    });
  });

  describe('inventory.events', () => {
    it('has one event per version, of an item under its sku and of a reservation under its order', async () => {
      const sku = await reserved('sold', 5n, 2n);
      await inventory.adjustStock({ sku, delta: 1n });
      await inventory.commitStock({ orderId: 'sold' });
      await inventory.adjustStock({ sku, delta: 2n });
      const expected = [
        `${sku} ITEM_CREATED 1`,
        `${sku} STOCK_ADJUSTED 2`,
        `${sku} STOCK_ADJUSTED 3`,
        'sold STOCK_COMMITTED 2',
        'sold STOCK_RESERVED 1',
      ];
      await expect(readEvents([sku, 'sold'], expected.length)).resolves.toEqual(expected.toSorted());
    });
  });

  async function readEvents(keys: readonly string[], amount: number): Promise<string[]> {
    const ending = new AbortController();
    const found: string[] = [];
    for await (const event of mesh.runtime.events.read('inventory.events', { at: 'beginning' }, ending.signal)) {
      if (!keys.includes(event.key)) continue;
      const { type, version } = JSON.parse(Buffer.from(event.value).toString()) as { type: string; version: string };
      found.push(`${event.key} ${type} ${version}`);
      if (found.length === amount) ending.abort();
    }
    return found.toSorted();
  }
});
