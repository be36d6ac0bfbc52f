import type { Client } from 'nice-grpc';
import { afterEach, beforeEach, expect } from 'vitest';
import type { OrderState } from '#gen/order/v1/order.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import type { BestSeller, OrderReportServiceDefinition } from '#gen/report/v1/report.ts';
import type { DeadLetter, NewEvent, RebuildProgress, Storage } from '#mesh';
import { eventually, onRuntime, type Service, startMesh, type TestMesh } from '#mesh/testing';
import { reportService } from '../service.ts';
import { asJson, type OrderDraft, orderMessage } from './order-events.ts';

/** Starts a report service before each test, and stops it afterwards. */
export function useReportService(settings: () => Readonly<Record<string, string>>) {
  let mesh: TestMesh;
  let reports: Client<OrderReportServiceDefinition>;
  let service: Service;
  let storage: Storage;

  /** The service, and its database for tests that change it. */
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

  /** Waits until a user has these orders: id, state, version. */
  const seeOrders = (userId: string, ...expected: readonly (readonly [string, OrderState, bigint])[]) =>
    eventually(async () => {
      const found = await ordersOf(userId);
      expect(found.map(({ orderId, state, version }) => [orderId, state, version])).toEqual(expected);
      return found;
    });

  /** Waits until these are the best sellers: sku, quantity, orders, revenue. */
  const seeSellers = (...expected: readonly (readonly [string, bigint, bigint, string])[]) =>
    eventually(async () => expect((await sellers()).map(asRow)).toEqual(expected));

  async function deadLetters(): Promise<DeadLetter[]> {
    const queues = service.deadLetters ?? [];
    return (await Promise.all(queues.map((queue) => Array.fromAsync(queue.list({}, ''))))).flat();
  }

  const seeDeadLetters = (count: number) =>
    eventually(async () => {
      const found = await deadLetters();
      expect(found).toHaveLength(count);
      return found;
    });

  async function rebuild(name: string, dryRun = false): Promise<RebuildProgress> {
    const [admin] = service.projections ?? [];
    const progress = admin?.rebuild(name, { dryRun }, new AbortController().signal) ?? [];
    return (await Array.fromAsync(progress)).at(-1) ?? expect.fail('the rebuild reported no progress');
  }

  /** Waits until so many events are stored and both projections include them. */
  function caughtUp(count: bigint): Promise<void> {
    return eventually(async () => {
      const [stored] = await storage.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM event');
      expect(stored?.count).toBe(count);
      const views = (await service.projections?.[0]?.list()) ?? [];
      expect(views.map(({ name }) => name)).toEqual(['report/orders-by-user', 'report/best-sellers']);
      for (const { position, headPosition } of views) expect(position).toBe(headPosition);
    });
  }

  return {
    get client() {
      return reports;
    },
    get service() {
      return service;
    },
    get storage() {
      return storage;
    },
    ...{
      publish,
      publishOrders,
      ordersOf,
      sellers,
      seeOrders,
      seeSellers,
      deadLetters,
      seeDeadLetters,
      rebuild,
      caughtUp,
    },
  };
}

function asRow({ sku, quantity, orderCount, revenue }: BestSeller): [string, bigint, bigint, string] {
  return [sku, quantity, orderCount, `${revenue?.minorUnits} ${revenue?.currencyCode}`];
}
