import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import type { BestSeller, OrderSummary } from '#gen/report/v1/report.ts';
import { describeServicesOnEachDatabase, eventually } from '#mesh/testing';
import { asJson, type OrderDraft, orderMessage } from './testing/order-events.ts';
import { useReportService } from './testing/use-report-service.ts';

const { ORDER_STATE_COMPLETED: completed, ORDER_STATE_PAID: paid, ORDER_STATE_PENDING: pending } = OrderState;

describeServicesOnEachDatabase('the report service', (settings) => {
  const report = useReportService(settings);
  const { publish, publishOrders, ordersOf, sellers, seeOrders, seeSellers, rebuild, caughtUp } = report;

  describe('ListUserOrders', () => {
    it('returns the orders of a user, each after its last event', async () => {
      const lines = [['lamp', 2, 1999n] as const, ['bulb', 10, 99n] as const];
      await publishOrders({ orderId: 'o1', lines }, { orderId: 'o2', userId: 'tom' }, { orderId: 'o3' });
      await publishOrders({ orderId: 'o1', type: 'ORDER_PAID', version: 3n, lines });
      const [first] = await seeOrders('ada', ['o1', paid, 3n], ['o3', pending, 1n]);
      expect(first).toEqual<OrderSummary>({
        orderId: 'o1',
        userId: 'ada',
        state: paid,
        total: { currencyCode: 'USD', minorUnits: 4988n },
        itemCount: 12n,
        createTime: new Date(1_780_000_000_000),
        updateTime: new Date(1_780_000_000_003),
        version: 3n,
      });
      await seeOrders('tom', ['o2', pending, 1n]);
      await seeOrders('nobody');
    });

    it('ignores an older version of an order that arrives after a newer one', async () => {
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n });
      await seeOrders('ada', ['o1', completed, 5n]);
      await publishOrders({ orderId: 'o1', type: 'ORDER_PAID', version: 3n }, { orderId: 'o1' });
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n, userId: 'tom' });
      await caughtUp(4n);
      await seeOrders('ada', ['o1', completed, 5n]);
      await seeOrders('tom');
      expect((await rebuild('orders-by-user')).differences).toEqual([]);
    });

    it('resumes after an order, up to the limit', async () => {
      await publishOrders(...['o1', 'o2', 'o3', 'o4'].map((orderId) => ({ orderId })));
      await eventually(async () => expect(await ordersOf('ada')).toHaveLength(4));
      const next = await Array.fromAsync(report.client.listUserOrders({ userId: 'ada', afterOrderId: 'o1', limit: 2 }));
      expect(next.map(({ orderId }) => orderId)).toEqual(['o2', 'o3']);
    });

    it('refuses a request without a user', async () => {
      const unnamed = Array.fromAsync(report.client.listUserOrders({}));
      await expect(unnamed).rejects.toMatchObject({ violations: [{ field: 'user_id' }] });
    });

    it('returns more orders than a page has, each once', async () => {
      const ids = Array.from({ length: 1_001 }, (_, index) => `order-${1_000 + index}`);
      await publishOrders(...ids.map((orderId) => ({ orderId })));
      await eventually(async () => expect((await ordersOf('ada')).map(({ orderId }) => orderId)).toEqual(ids));
    });
  });

  describe('ListBestSellers', () => {
    const sold = (orderId: string, ...lines: (readonly [string, number, bigint])[]): OrderDraft => ({
      orderId,
      type: 'ORDER_COMPLETED',
      version: 5n,
      lines,
    });

    it('sorts by quantity, then by sku', async () => {
      await publishOrders(
        sold('o1', ['bulb', 3, 10n], ['desk', 1, 900n]),
        sold('o2', ['lamp', 4, 100n], ['bulb', 1, 12n]),
        sold('o3', ['chair', 4, 50n]),
      );
      await seeSellers(
        ['bulb', 4n, 2n, '42 USD'],
        ['chair', 4n, 1n, '200 USD'],
        ['lamp', 4n, 1n, '400 USD'],
        ['desk', 1n, 1n, '900 USD'],
      );
      const best = await Array.fromAsync(report.client.listBestSellers({ limit: 2 }));
      expect(best.map(({ sku }) => sku)).toEqual(['bulb', 'chair']);
    });

    it('returns an item once per currency', async () => {
      await publishOrders(sold('o1', ['lamp', 2, 10n]), { ...sold('o2', ['lamp', 2, 9n]), currencyCode: 'EUR' });
      await seeSellers(['lamp', 2n, 1n, '18 EUR'], ['lamp', 2n, 1n, '20 USD']);
    });

    it('counts only completed orders', async () => {
      await publishOrders(
        { orderId: 'o1' },
        { orderId: 'o2', type: 'ORDER_FAILED', version: 5n },
        sold('o3', ['desk', 1, 5n]),
      );
      await caughtUp(3n);
      await seeSellers(['desk', 1n, 1n, '5 USD']);
    });

    it('counts an order once, no matter how many events say that it completed', async () => {
      const event = asJson(orderMessage(sold('o1', ['lamp', 2, 10n])));
      const again = asJson(orderMessage(sold('o1', ['lamp', 2, 10n])));
      await publish(event, event, again);
      await caughtUp(2n);
      await publishOrders({ ...sold('o1', ['lamp', 7, 10n]), version: 6n });
      await caughtUp(3n);
      await seeSellers(['lamp', 2n, 1n, '20 USD']);
      expect((await rebuild('best-sellers')).differences).toEqual([]);
    });

    it('returns more items than a page has, each once and in order', async () => {
      const lines = Array.from({ length: 600 }, (_, index) => [`sku-${1_000 + index}`, 1 + (index % 7), 1n] as const);
      // With one item before all others, pages end between the two currencies of an item.
      const inEuros = { ...sold('o2', ...lines), currencyCode: 'EUR' };
      await publishOrders(sold('o1', ['first', 8, 1n], ...lines), inEuros);
      const ranked = lines.toSorted(([one, more], [other, less]) => less - more || (one < other ? -1 : 1));
      const expected = ['first USD', ...ranked.flatMap(([sku]) => [`${sku} EUR`, `${sku} USD`])];
      const ranks = async () => (await sellers()).map(({ sku, revenue }) => `${sku} ${revenue?.currencyCode}`);
      await eventually(async () => expect(await ranks()).toEqual(expected));
    });

    it('fails at a revenue above 64 bits, after returning the items before it', async () => {
      const price = 2n ** 62n;
      await publishOrders(sold('o1', ['gold', 1, price], ['lamp', 3, 1n]), sold('o2', ['gold', 1, price]));
      const seen: BestSeller[] = [];
      await eventually(async () => {
        seen.length = 0;
        const reading = (async () => {
          for await (const seller of report.client.listBestSellers({})) seen.push(seller);
        })();
        await expect(reading).rejects.toMatchObject({
          code: Status.OUT_OF_RANGE,
          reason: 'REVENUE_TOO_LARGE',
          metadata: { sku: 'gold', currency_code: 'USD', revenue: `${2n ** 63n}` },
        });
      });
      expect(seen.map(({ sku }) => sku)).toEqual(['lamp']);
      await expect(Array.fromAsync(report.client.listBestSellers({ limit: 1 }))).resolves.toHaveLength(1);
    });
  });
});
