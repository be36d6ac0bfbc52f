import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import type { BestSeller, OrderReportServiceDefinition, OrderSummary } from '#gen/report/v1/report.ts';
import type { DeadLetter, NewEvent, RebuildProgress, Storage } from '#mesh';
import {
  describeServicesOnEachDatabase,
  eventually,
  onRuntime,
  type Service,
  startMesh,
  type TestMesh,
} from '#mesh/testing';
import { reportService } from './service.ts';
import { asJson, asProtobuf, type OrderDraft, orderMessage } from './testing/order-events.ts';

const { ORDER_STATE_COMPLETED: completed, ORDER_STATE_PAID: paid, ORDER_STATE_PENDING: pending } = OrderState;

describeServicesOnEachDatabase('the report service', (settings) => {
  let mesh: TestMesh;
  let reports: Client<OrderReportServiceDefinition>;
  let service: Service;
  let storage: Storage;

  /** The service, and its database for those tests that meddle with it. */
  const openService = onRuntime(reportService, (runtime) => {
    const openStorage = async (name: string) => {
      storage = await runtime.openStorage(name);
      return storage;
    };
    return { ...runtime, openStorage };
  });

  beforeEach(async () => {
    mesh = await startMesh([openService], settings());
    service = mesh.services[0] ?? expect.fail('no service was built');
    await mesh.runtime.events.ensureTopic('order.events');
    reports = mesh.runtime.client(OrderReportServiceContract);
  });
  afterEach(() => mesh.stop());

  const publish = (...events: NewEvent[]) => mesh.runtime.events.publish(events);
  const publishOrders = (...drafts: OrderDraft[]) => publish(...drafts.map((draft) => asJson(orderMessage(draft))));

  const ordersOf = (userId: string) => Array.fromAsync(reports.listUserOrders({ userId }));
  const sellers = () => Array.fromAsync(reports.listBestSellers({}));

  /** The orders of a user once they are these: id, state, version. */
  const seeOrders = (userId: string, ...expected: readonly (readonly [string, OrderState, bigint])[]) =>
    eventually(async () => {
      const found = await ordersOf(userId);
      expect(found.map(({ orderId, state, version }) => [orderId, state, version])).toEqual(expected);
      return found;
    });

  /** The best sellers once they are these: sku, quantity, orders, revenue. */
  const seeSellers = (...expected: readonly (readonly [string, bigint, bigint, string])[]) =>
    eventually(async () => expect((await sellers()).map(asRow)).toEqual(expected));

  async function letters(): Promise<DeadLetter[]> {
    const boxes = service.deadLetters ?? [];
    return (await Promise.all(boxes.map((box) => Array.fromAsync(box.list({}, ''))))).flat();
  }

  const seeLetters = (count: number) =>
    eventually(async () => {
      const found = await letters();
      expect(found).toHaveLength(count);
      return found;
    });

  async function rebuild(name: string, dryRun = false): Promise<RebuildProgress> {
    const [admin] = service.projections ?? [];
    const progress = admin?.rebuild(name, { dryRun }, new AbortController().signal) ?? [];
    return (await Array.fromAsync(progress)).at(-1) ?? expect.fail('it told nothing');
  }

  describe('ListUserOrders', () => {
    it('tells of the orders of one user, as they are after their last event', async () => {
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

    it('does not go back when an older version of an order comes behind a newer one', async () => {
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n });
      await seeOrders('ada', ['o1', completed, 5n]);
      await publishOrders({ orderId: 'o1', type: 'ORDER_PAID', version: 3n }, { orderId: 'o1' });
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n, userId: 'tom' });
      await caughtUp(4n);
      await seeOrders('ada', ['o1', completed, 5n]);
      await seeOrders('tom');
      expect((await rebuild('orders-by-user')).differences).toEqual([]);
    });

    it('goes on after an order, as far as the limit', async () => {
      await publishOrders(...['o1', 'o2', 'o3', 'o4'].map((orderId) => ({ orderId })));
      await eventually(async () => expect(await ordersOf('ada')).toHaveLength(4));
      const next = await Array.fromAsync(reports.listUserOrders({ userId: 'ada', afterOrderId: 'o1', limit: 2 }));
      expect(next.map(({ orderId }) => orderId)).toEqual(['o2', 'o3']);
    });

    it('names a user that is missing', async () => {
      const unnamed = Array.fromAsync(reports.listUserOrders({}));
      await expect(unnamed).rejects.toMatchObject({ violations: [{ field: 'user_id' }] });
    });

    it('tells of more orders than a page has, each once', async () => {
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

    it('puts what was sold most first, and of equal ones the lesser sku', async () => {
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
      const best = await Array.fromAsync(reports.listBestSellers({ limit: 2 }));
      expect(best.map(({ sku }) => sku)).toEqual(['bulb', 'chair']);
    });

    it('tells of an item for each currency that it was sold in', async () => {
      await publishOrders(sold('o1', ['lamp', 2, 10n]), { ...sold('o2', ['lamp', 2, 9n]), currencyCode: 'EUR' });
      await seeSellers(['lamp', 2n, 1n, '18 EUR'], ['lamp', 2n, 1n, '20 USD']);
    });

    it('counts an order only when it completed', async () => {
      await publishOrders(
        { orderId: 'o1' },
        { orderId: 'o2', type: 'ORDER_FAILED', version: 5n },
        sold('o3', ['desk', 1, 5n]),
      );
      await seeSellers(['desk', 1n, 1n, '5 USD']);
    });

    it('counts an order once, however often it is told that it completed', async () => {
      const event = asJson(orderMessage(sold('o1', ['lamp', 2, 10n])));
      const again = asJson(orderMessage(sold('o1', ['lamp', 2, 10n])));
      await publish(event, event, again);
      await caughtUp(2n);
      await publishOrders({ ...sold('o1', ['lamp', 7, 10n]), version: 6n });
      await caughtUp(3n);
      await seeSellers(['lamp', 2n, 1n, '20 USD']);
      expect((await rebuild('best-sellers')).differences).toEqual([]);
    });

    it('tells of more items than a page has, each once and in order', async () => {
      const lines = Array.from({ length: 600 }, (_, index) => [`sku-${1_000 + index}`, 1 + (index % 7), 1n] as const);
      // With one before them all, pages end between the two currencies of an item.
      const inEuros = { ...sold('o2', ...lines), currencyCode: 'EUR' };
      await publishOrders(sold('o1', ['first', 8, 1n], ...lines), inEuros);
      const ranked = lines.toSorted(([one, more], [other, less]) => less - more || (one < other ? -1 : 1));
      const expected = ['first USD', ...ranked.flatMap(([sku]) => [`${sku} EUR`, `${sku} USD`])];
      const ranks = async () => (await sellers()).map(({ sku, revenue }) => `${sku} ${revenue?.currencyCode}`);
      await eventually(async () => expect(await ranks()).toEqual(expected));
    });

    it('refuses to tell of a revenue beyond 64 bits, behind those that are sold more', async () => {
      const price = 2n ** 62n;
      await publishOrders(sold('o1', ['gold', 1, price], ['lamp', 3, 1n]), sold('o2', ['gold', 1, price]));
      const seen: BestSeller[] = [];
      await eventually(async () => {
        seen.length = 0;
        const reading = (async () => {
          for await (const seller of reports.listBestSellers({})) seen.push(seller);
        })();
        await expect(reading).rejects.toMatchObject({
          code: Status.OUT_OF_RANGE,
          reason: 'REVENUE_TOO_LARGE',
          metadata: { sku: 'gold', currency_code: 'USD', revenue: `${2n ** 63n}` },
        });
      });
      expect(seen.map(({ sku }) => sku)).toEqual(['lamp']);
      await expect(Array.fromAsync(reports.listBestSellers({ limit: 1 }))).resolves.toHaveLength(1);
    });
  });

  describe('an event of an order', () => {
    it('is taken in the binary format, and from a producer that sets no headers', async () => {
      const plain = asJson(orderMessage({ orderId: 'o2', type: 'ORDER_PAID', version: 3n }));
      await publish(asProtobuf(orderMessage({ orderId: 'o1', version: 7n })), { ...plain, headers: {} });
      await seeOrders('ada', ['o1', pending, 7n], ['o2', paid, 3n]);
    });

    it('is kept in the store with what caused it, once, in the order in which it came', async () => {
      const twice = asJson(orderMessage({ orderId: 'o1' }), randomUUID());
      await publish(twice, twice);
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n }, { orderId: 'o1', version: 2n });
      await caughtUp(3n);
      const kept = await storage.query(
        'SELECT stream, version, type, correlation_id, time_ms FROM event ORDER BY version',
      );
      const row = { stream: 'order-o1', correlation_id: 'request-1' };
      expect(kept).toEqual([
        { ...row, version: 1n, type: 'ORDER_PLACED', time_ms: 1_780_000_000_001n },
        { ...row, version: 2n, type: 'ORDER_COMPLETED', time_ms: 1_780_000_000_005n },
        { ...row, version: 3n, type: 'ORDER_PLACED', time_ms: 1_780_000_000_002n },
      ]);
    });

    it('of a type that is not known is passed over, whatever is in it', async () => {
      const unknown = asJson(orderMessage({ orderId: 'o1' }));
      const headers = { ...unknown.headers, ce_type: 'ORDER_GIFT_WRAPPED' };
      const inside = asProtobuf({ ...orderMessage({ orderId: 'o1' }), type: 'ORDER_GIFT_WRAPPED' });
      await publish({ ...unknown, headers, value: Buffer.from('{') }, inside);
      await publishOrders({ orderId: 'o1', version: 2n });
      await seeOrders('ada', ['o1', pending, 2n]);
      expect(await letters()).toEqual([]);
    });

    it('that cannot be read becomes a dead letter, whole, and others go on, also of its order', async () => {
      const broken = { ...asJson(orderMessage({ orderId: 'o1' })), value: Buffer.from('{') };
      await publish(broken);
      await publishOrders({ orderId: 'o1', version: 2n });
      await seeOrders('ada', ['o1', pending, 2n]);
      const [letter] = await seeLetters(1);
      expect(letter).toMatchObject({
        origin: 'order.events/report-service',
        reason: 'UNDECODABLE',
        attempts: 1,
        subjectId: 'o1',
        headers: { ce_type: 'ORDER_PLACED' },
      });
      expect(Buffer.from(letter?.payload ?? []).toString()).toBe('{');
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

    it.each(['orders-by-user', 'report/best-sellers'])('%s that is made again says the same', async (name) => {
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

    it('whose rows were changed by hand names them, and is right again when it is made again', async () => {
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED', version: 5n }, { orderId: 'o2' });
      await caughtUp(2n);
      await storage.execute("UPDATE order_summaries SET state = 'FAILED' WHERE order_id = 'o1'");
      await storage.execute("DELETE FROM order_summaries WHERE order_id = 'o2'");
      await storage.execute("UPDATE best_sellers SET revenue = '7' WHERE sku = 'lamp'");
      await storage.execute('DELETE FROM counted_orders');
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

    it('puts aside what it cannot take, and takes it when it is redriven', async () => {
      // A row in the way of every other: a fault of what is written, and not of the database.
      await storage.execute("INSERT INTO best_sellers VALUES (-1, 'none', 'USD', 0, 0, '0')");
      await storage.execute('CREATE UNIQUE INDEX in_the_way ON best_sellers (currency_code)');
      await publishOrders({ orderId: 'o1', type: 'ORDER_COMPLETED' });
      const [letter] = await seeLetters(1);
      expect(letter).toMatchObject({ origin: 'report/best-sellers', subjectId: 'order-o1', attempts: 3 });
      await seeOrders('ada', ['o1', completed, 1n]);
      await storage.execute('DROP INDEX in_the_way');
      const boxes = service.deadLetters ?? [];
      expect(await Promise.all(boxes.map((box) => box.redrive(letter?.id ?? '')))).toContain(true);
      expect(await letters()).toEqual([]);
      await seeSellers(['lamp', 1n, 1n, '100 USD']);
    });

    it('that keeps up lets the reports be served', async () => {
      await publishOrders({ orderId: 'o1' });
      await caughtUp(1n);
      await expect(service.serves[0]?.check?.()).resolves.toBeUndefined();
    });
  });

  /** Resolves once so many events are kept and both projections have them. */
  function caughtUp(count: bigint): Promise<void> {
    return eventually(async () => {
      const [kept] = await storage.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM event');
      expect(kept?.count).toBe(count);
      const views = (await service.projections?.[0]?.list()) ?? [];
      expect(views.map(({ name }) => name)).toEqual(['report/orders-by-user', 'report/best-sellers']);
      for (const { position, headPosition } of views) expect(position).toBe(headPosition);
    });
  }
});

function asRow({ sku, quantity, orderCount, revenue }: BestSeller): [string, bigint, bigint, string] {
  return [sku, quantity, orderCount, `${revenue?.minorUnits} ${revenue?.currencyCode}`];
}
