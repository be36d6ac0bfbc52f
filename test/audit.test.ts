import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { allServicesWith } from './support/all-services.ts';
import { testAudits } from './support/audited-mesh.ts';
import { bookOrder, euros, stocked, watchToEnd } from './support/shop.ts';

describe('the audit', () => {
  const audited = testAudits();

  it('finds nothing after orders that completed, failed and were cancelled', async () => {
    await audited.placeOfEachKind();
    expect(await audited.findings()).toEqual([]);
    const reports = await Array.fromAsync(audited.audits.runAudit({}));
    const examined = new Map(
      reports.flatMap(({ report }) => (report?.$case === 'check' ? [[report.value.name, report.value.examined]] : [])),
    );
    expect(examined.get('inventory/reserved-stock')).toBe(1n);
    expect(examined.get('orders/charges')).toBe(5n);
    expect(examined.get('orders/reservations')).toBe(5n);
  });

  it('finds nothing while orders are running', async () => {
    await audited.shop.inventory.adjustStock({ requestId: randomUUID(), sku: stocked.sku, delta: 10_000n });
    await audited.shop.accounts.deposit({ requestId: randomUUID(), accountId: 'ada', amount: euros(10_000_000n) });
    const kinds = [{}, {}, { quantity: 20_000 }, { userId: 'tom' }, { countryCode: 'AQ' }, { cancelled: true }];
    let [placed, placing] = [0, true];
    const place = async () => {
      for (; placing; placed += 1) {
        const { cancelled, ...changes } = { quantity: 1, cancelled: false, ...kinds[placed % kinds.length] };
        const { id } = await audited.shop.orders.placeOrder(bookOrder(changes));
        // The order may have ended by then.
        if (cancelled) await audited.shop.orders.cancelOrder({ requestId: randomUUID(), id }).catch(() => undefined);
        await watchToEnd(audited.shop.orders, id);
      }
    };
    // If a check fails, the mesh is stopped under them. Then they end as well, and that is no fault of theirs.
    const customers = Promise.allSettled(Array.from({ length: 12 }, place));
    expect(await audited.findings()).toEqual([]);
    for (let round = 0; round < 8; round += 1) {
      expect(await audited.findings('orders/charges', 'orders/reservations', 'inventory/reserved-stock')).toEqual([]);
    }
    placing = false;
    expect((await customers).filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(placed).toBeGreaterThan(50);
    expect(await audited.findings()).toEqual([]);
  }, 120_000);

  it.each(['listOrders', 'listPayments', 'listReservations'])(
    'finds nothing if %s is read later than the rest',
    async (method) => {
      await audited.mesh.stop();
      let meanwhile: (() => Promise<unknown>) | undefined;
      const stale = allServicesWith('ops', (runtime) => ({
        ...runtime,
        findClient: (contract, options) => {
          const found = runtime.findClient(contract, options);
          return (
            found &&
            delayList(found, method, async () => {
              await meanwhile?.();
              meanwhile = undefined;
            })
          );
        },
      }));
      await audited.start(stale);
      await audited.placeOfEachKind();
      const held = audited.carrier.hold(1);
      const { id } = await audited.shop.orders.placeOrder(bookOrder());
      await held.arrived;
      meanwhile = async () => {
        await audited.shop.orders.cancelOrder({ requestId: randomUUID(), id });
        held.release();
        await watchToEnd(audited.shop.orders, id);
        await audited.placeOfEachKind();
      };
      expect(await audited.findings()).toEqual([]);
      expect(meanwhile).toBeUndefined();
    },
  );
});

/** Returns a client whose list method first awaits `meanwhile`. */
function delayList<T extends object>(client: T, method: string, meanwhile: () => Promise<void>): T {
  return new Proxy(client, {
    get(_, name) {
      const member: unknown = Reflect.get(client, name);
      if (name !== method || typeof member !== 'function') return member;
      return async function* (...args: unknown[]) {
        await meanwhile();
        yield* Reflect.apply(member, client, args) as AsyncIterable<unknown>;
      };
    },
  });
}
