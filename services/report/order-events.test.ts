import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { describeServicesOnEachDatabase, eventually } from '#mesh/testing';
import { asJson, asProtobuf, type OrderDraft, orderMessage } from './testing/order-events.ts';
import { useReportService } from './testing/use-report-service.ts';

const { ORDER_STATE_COMPLETED: completed, ORDER_STATE_PAID: paid, ORDER_STATE_PENDING: pending } = OrderState;

describeServicesOnEachDatabase('the report service', (settings) => {
  const report = useReportService(settings);
  const { publish, publishOrders, ordersOf, sellers, seeOrders, seeSellers } = report;
  const { deadLetters, seeDeadLetters, rebuild, caughtUp } = report;

  describe('an event of an order', () => {
    it('is accepted in the binary format, and from a producer that sets no headers', async () => {
      const plain = asJson(orderMessage({ orderId: 'o2', type: 'ORDER_PAID', version: 3n }));
      await publish(asProtobuf(orderMessage({ orderId: 'o1', version: 7n })), { ...plain, headers: {} });
      await seeOrders('ada', ['o1', pending, 7n], ['o2', paid, 3n]);
    });

    it('is stored once with its correlation id, in order of arrival', async () => {
      const twice = asJson(orderMessage({ orderId: 'o1' }), randomUUID());
      await publish(twice, twice);
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n }, { orderId: 'o1', version: 2n });
      await caughtUp(3n);
      const stored = await report.storage.query(
        'SELECT stream, version, type, correlation_id, time_ms FROM event ORDER BY version',
      );
      const row = { stream: 'order-o1', correlation_id: 'request-1' };
      expect(stored).toEqual([
        { ...row, version: 1n, type: 'ORDER_PLACED', time_ms: 1_780_000_000_001n },
        { ...row, version: 2n, type: 'ORDER_COMPLETED', time_ms: 1_780_000_000_005n },
        { ...row, version: 3n, type: 'ORDER_PLACED', time_ms: 1_780_000_000_002n },
      ]);
    });

    it('is skipped, regardless of its content, if its type is unknown', async () => {
      const unknown = asJson(orderMessage({ orderId: 'o1' }));
      const headers = { ...unknown.headers, ce_type: 'ORDER_GIFT_WRAPPED' };
      const inside = asProtobuf({ ...orderMessage({ orderId: 'o1' }), type: 'ORDER_GIFT_WRAPPED' });
      await publish({ ...unknown, headers, value: Buffer.from('{') }, inside);
      await publishOrders({ orderId: 'o1', version: 2n });
      await seeOrders('ada', ['o1', pending, 2n]);
      expect(await deadLetters()).toEqual([]);
    });

    it('is skipped if another producer sent too little for a report, like examples/kafka-producer.ts', async () => {
      const json = { type: 'ORDER_PLACED', orderId: 'o2', userId: 'ada', total: 1500, timestamp: new Date() };
      const value = Buffer.from(JSON.stringify(json));
      await publish({ topic: 'order.events', key: 'o2', headers: {}, value, timeMs: Date.now() });
      await publishOrders({ orderId: 'o1', version: 2n });
      await seeOrders('ada', ['o1', pending, 2n]);
      expect(await deadLetters()).toEqual([]);
    });

    it('becomes a dead letter with its bytes if it cannot be read, and later events continue', async () => {
      const broken = { ...asJson(orderMessage({ orderId: 'o1' })), value: Buffer.from('{') };
      await publish(broken);
      await publishOrders({ orderId: 'o1', version: 2n });
      await seeOrders('ada', ['o1', pending, 2n]);
      const [deadLetter] = await seeDeadLetters(1);
      expect(deadLetter).toMatchObject({
        origin: 'order.events/report-service',
        reason: 'UNDECODABLE',
        attempts: 1,
        subjectId: 'o1',
        headers: { ce_type: 'ORDER_PLACED' },
      });
      expect(Buffer.from(deadLetter?.payload ?? []).toString()).toBe('{');
    });
  });

  describe('a projection', () => {
    const history = Array.from({ length: 700 }, (_, index): OrderDraft[] => {
      const orderId = `o-${1_000 + index}`;
      const lines = [[`sku-${index % 40}`, 1 + (index % 3), BigInt(index)] as const];
      const end = index % 4 === 0 ? ('ORDER_FAILED' as const) : ('ORDER_COMPLETED' as const);
      return [
        { orderId, lines },
        { orderId, lines, type: end, version: 5n },
      ];
    }).flat();

    it.each(['orders-by-user', 'report/best-sellers'])('has equal rows after a rebuild: %s', async (name) => {
      await publishOrders(...history);
      await caughtUp(BigInt(history.length));
      const before = { orders: await ordersOf('ada'), sellers: await sellers() };
      const last = await rebuild(name);
      expect(last).toMatchObject({ stage: 'switched', eventsDone: history.length, rowsDifferent: 0, differences: [] });
      expect(last.rowsCompared).toBeGreaterThan(500);
      expect(last.rebuiltHash).toBe(last.liveHash);
      expect({ orders: await ordersOf('ada'), sellers: await sellers() }).toEqual(before);
      await publishOrders({ orderId: 'o-new', type: 'ORDER_COMPLETED', lines: [['sku-new', 9_000, 1n]] });
      await eventually(async () => expect((await sellers())[0]?.sku).toBe('sku-new'));
      await eventually(async () => expect(await ordersOf('ada')).toHaveLength(701));
    });

    it('reports rows that were changed by hand, and corrects them in a rebuild', async () => {
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n }, { orderId: 'o2' });
      await caughtUp(2n);
      await report.storage.execute("UPDATE order_summaries SET state = 'FAILED' WHERE order_id = 'o1'");
      await report.storage.execute("DELETE FROM order_summaries WHERE order_id = 'o2'");
      await report.storage.execute("UPDATE best_sellers SET revenue = '7' WHERE sku = 'lamp'");
      await report.storage.execute('DELETE FROM counted_orders');
      const orders = await rebuild('orders-by-user', true);
      expect(orders).toMatchObject({ stage: 'discarded', rowsDifferent: 2 });
      expect(orders.differences).toMatchObject([
        { key: 'order_summaries order_id="o1"', live: expect.stringContaining('state="FAILED"') },
        { key: 'order_summaries order_id="o2"', live: undefined, rebuilt: expect.stringContaining('user_id="ada"') },
      ]);
      expect((await rebuild('best-sellers', true)).differences).toMatchObject([
        { key: 'counted_orders order_id="o1"', live: undefined, rebuilt: 'version=5' },
        { key: 'best_sellers sku="lamp" currency_code="USD"', live: expect.stringContaining('revenue="7"') },
      ]);
      expect((await rebuild('orders-by-user')).stage).toBe('switched');
      expect((await rebuild('best-sellers')).stage).toBe('switched');
      await seeOrders('ada', ['o1', completed, 5n], ['o2', pending, 1n]);
      await seeSellers(['lamp', 1n, 1n, '100 USD']);
    });

    it('parks an event that it cannot apply, and applies it after a redrive', async () => {
      // A row that conflicts with every other: an error of the statement, not of the database.
      await report.storage.execute("INSERT INTO best_sellers VALUES (-1, 'none', 'USD', 0, 0, '0')");
      await report.storage.execute('CREATE UNIQUE INDEX in_the_way ON best_sellers (currency_code)');
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED' });
      const [deadLetter] = await seeDeadLetters(1);
      expect(deadLetter).toMatchObject({ origin: 'report/best-sellers', subjectId: 'order-o1', attempts: 3 });
      await seeOrders('ada', ['o1', completed, 1n]);
      await report.storage.execute('DROP INDEX in_the_way');
      const queues = report.service.deadLetters ?? [];
      expect(await Promise.all(queues.map((queue) => queue.redrive(deadLetter?.id ?? '')))).toContain(true);
      expect(await deadLetters()).toEqual([]);
      await seeSellers(['lamp', 1n, 1n, '100 USD']);
    });

    it('leaves the service healthy while it keeps up', async () => {
      await publishOrders({ orderId: 'o1' });
      await caughtUp(1n);
      await expect(report.service.serves[0]?.check?.()).resolves.toBeUndefined();
    });
  });
});
