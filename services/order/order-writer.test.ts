import { expect, it, onTestFinished } from 'vitest';
import { loadMigrations, openStorage } from '#mesh';
import { changeStatements, describeOnEachDatabase } from '#mesh/testing';
import { newOrder } from './order.ts';
import { createOrderWriter } from './order-writer.ts';
import { getOrder, type OrderChange, updateOrder } from './store.ts';

const shippingAddress = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '', countryCode: 'DE' };
const lines = [{ sku: 'a', quantity: 1, unitPrice: { currencyCode: 'USD', minorUnits: 1n } }];
const draft = { userId: 'ada', lines, shippingAddress, timeMs: 1 };
const paid: OrderChange = { state: 'PAID', paymentId: 'payment-1', timeMs: 2 };
const shipped: OrderChange = { state: 'SHIPPED', shipmentId: 'shipment-1', timeMs: 3 };

describeOnEachDatabase((newUrl) => {
  async function open({ capacity = 10 }: { readonly capacity?: number } = {}) {
    const storage = await openStorage(newUrl());
    onTestFinished(() => storage.close());
    await storage.migrate('order', await loadMigrations(new URL('./migrations/', import.meta.url)));
    const writer = createOrderWriter(capacity);
    const statements: string[] = [];
    const watched = changeStatements(storage, (sql) => {
      statements.push(sql);
      return sql;
    });
    const insert = (id: string) => watched.transaction((tx) => writer.insert(tx, newOrder({ ...draft, id })));
    const update = (id: string, change: OrderChange) => watched.transaction((tx) => writer.update(tx, id, change));
    const updateBehind = (id: string, change: OrderChange) => storage.transaction((tx) => updateOrder(tx, id, change));
    const reads = () => statements.splice(0).filter((sql) => sql.includes('RETURNING')).length;
    return { storage, watched, writer, insert, update, updateBehind, reads };
  }

  it('changes orders without reading them, as if it had', async () => {
    const { storage, insert, update, updateBehind, reads } = await open();
    for (const id of ['remembered', 'read']) await insert(id);
    const failure = { reason: 'CANCELLED', message: 'by the caller', cancelled: true };
    for (const change of [paid, shipped, { state: 'COMPENSATING', failure, timeMs: 4 } as const]) {
      const changed = await update('remembered', change);
      expect(changed).toEqual({ ...(await updateBehind('read', change)), id: 'remembered' });
      expect(await getOrder(storage, 'remembered')).toEqual(changed);
    }
    expect(reads()).toBe(0);
  });

  it('reads an order that another process has changed', async () => {
    const { storage, insert, update, updateBehind } = await open();
    await insert('order-1');
    await updateBehind('order-1', paid);
    const changed = await update('order-1', shipped);
    expect(changed).toMatchObject({ state: 'SHIPPED', version: 3n, paymentId: 'payment-1', shipmentId: 'shipment-1' });
    expect(await getOrder(storage, 'order-1')).toEqual(changed);
  });

  it('does not remember what was rolled back, also if another process writes that version', async () => {
    const { watched, writer, insert, update, updateBehind } = await open();
    await insert('order-1');
    const rolledBack = watched.transaction(async (tx) => {
      await writer.update(tx, 'order-1', paid);
      throw new Error('full');
    });
    await expect(rolledBack).rejects.toThrow('full');
    await updateBehind('order-1', { state: 'RESERVED', timeMs: 2 });
    expect(await update('order-1', shipped)).toMatchObject({ version: 3n, paymentId: '', shipmentId: 'shipment-1' });
  });

  it('remembers the orders in progress that were written last', async () => {
    const { insert, update, reads } = await open({ capacity: 2 });
    for (const id of ['1', '2']) await insert(id);
    await update('1', paid);
    await insert('3');
    await update('1', shipped);
    expect(reads()).toBe(0);
    await update('2', paid);
    expect(reads()).toBe(1);
    for (const state of ['COMPLETED', 'NEEDS_ATTENTION'] as const) await update('2', { state, timeMs: 4 });
    expect(reads()).toBe(1);
  });

  it('refuses an order that does not exist, remembered or not', async () => {
    const { storage, insert, update } = await open();
    await insert('order-1');
    await storage.execute('DELETE FROM orders');
    for (const id of ['order-1', 'order-2'])
      await expect(update(id, paid)).rejects.toMatchObject({ reason: 'ORDER_NOT_FOUND' });
  });
});
