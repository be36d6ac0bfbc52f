import { expect, it, onTestFinished } from 'vitest';
import { loadMigrations, openStorage, type RecordedEvent } from '#mesh';
import { describeOnEachDatabase } from '#mesh/testing';
import { orderEventTypes, orderStream } from '../streams/order-stream.ts';
import { bestSellers } from './best-sellers.ts';

describeOnEachDatabase((newUrl) => {
  it('the best sellers include every order of many that are added at the same time', async () => {
    const storage = await openStorage(newUrl());
    onTestFinished(() => storage.close());
    await storage.migrate('report', await loadMigrations(new URL('../migrations/', import.meta.url)));
    const orders = Array.from({ length: 40 }, (_, index) => completed(`o-${index}`));
    // Each order completes twice, which the projection must detect.
    const applied = [...orders, ...orders].map((event) =>
      storage.transaction((tx) => bestSellers.apply(tx, 1n, [event])),
    );
    await Promise.all(applied);
    await expect(storage.query('SELECT quantity, order_count, revenue FROM best_sellers')).resolves.toEqual([
      { quantity: 80n, order_count: 40n, revenue: '800' },
    ]);
  });
});

/** An order that completed, with two lamps at 10. */
function completed(orderId: string): RecordedEvent {
  const encoded = orderEventTypes.encode({
    type: 'ORDER_COMPLETED',
    orderVersion: 5n,
    userId: 'ada',
    state: 'COMPLETED',
    total: { currencyCode: 'USD', minorUnits: 20n },
    lines: [{ sku: 'lamp', quantity: 2, unitPrice: 10n }],
    createTimeMs: 1,
    updateTimeMs: 2,
  });
  return { ...encoded, stream: orderStream(orderId), version: 1n, position: 1n, correlationId: 'request-1', timeMs: 2 };
}
