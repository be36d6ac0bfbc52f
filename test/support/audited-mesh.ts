import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from 'nice-grpc';
import { afterEach, beforeEach, expect } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { AuditFinding, AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import type { ServiceDefinition } from '../../mesh/app/service/service.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from './shop.ts';
import { startCarrier, type TestCarrier } from './test-carrier.ts';

/** Starts a mesh with a filled shop and a carrier before each test of this suite, and removes them after it. */
export function testAudits() {
  let folder: TempFolder;
  let dataDir: string;
  let carrier: TestCarrier;
  let mesh: TestMesh;
  let shop: Shop;
  let audits: Client<AuditServiceDefinition>;

  beforeEach(async () => {
    folder = await tempFolder();
    dataDir = join(folder.path, 'data');
    carrier = await startCarrier(folder.path);
    await start();
    await fillShop(shop);
  });

  afterEach(async () => {
    await mesh.stop();
    await carrier[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function start(services: readonly ServiceDefinition[] = allServices): Promise<void> {
    mesh = await startMesh(services, { CARRIER_URL: carrier.url, DATA_DIR: dataDir });
    shop = shopOf(mesh.runtime);
    audits = mesh.runtime.client(AuditServiceContract);
  }

  /** Runs checks, which must all finish, and returns their findings. */
  async function findings(...checks: string[]): Promise<AuditFinding[]> {
    const reports = (await Array.fromAsync(audits.runAudit({ checks }))).map(({ report }) => report);
    for (const report of reports) if (report?.$case === 'check') expect(report.value).toMatchObject({ error: '' });
    return reports.flatMap((report) => (report?.$case === 'finding' ? [report.value] : []));
  }

  /** Waits until the lists that audits read show all that was answered. */
  async function projectionsFollowed(): Promise<void> {
    const projections = mesh.runtime.client(ProjectionServiceContract);
    await eventually(async () => {
      for (const each of await Array.fromAsync(projections.listProjections({})))
        expect(each).toMatchObject({ position: each.headPosition });
    });
  }

  /** Returns all findings, each as reason and ids. */
  async function faults(): Promise<string[]> {
    await projectionsFollowed();
    return (await findings()).map(({ reason, ids }) => [reason, ...ids].join(' ')).toSorted();
  }

  async function placeToEnd(order?: Parameters<typeof bookOrder>[0]): Promise<Order> {
    const { id } = await shop.orders.placeOrder(bookOrder(order));
    return (await watchToEnd(shop.orders, id)).at(-1) ?? expect.fail(`order ${id} was not seen`);
  }

  async function placeAndCancel(): Promise<Order> {
    const held = carrier.hold(1);
    const { id } = await shop.orders.placeOrder(bookOrder());
    await held.arrived;
    await shop.orders.cancelOrder({ requestId: randomUUID(), id });
    held.release();
    return (await watchToEnd(shop.orders, id)).at(-1) ?? expect.fail(`order ${id} was not seen`);
  }

  /** Places one order for each way in which one can end. */
  async function placeOfEachKind() {
    const completed = await placeToEnd();
    const soldOut = await placeToEnd({ quantity: 101 });
    const penniless = await placeToEnd({ userId: 'tom' });
    const refused = await placeToEnd({ countryCode: 'AQ' });
    const cancelled = await placeAndCancel();
    expect(completed.state).toBe(OrderState.ORDER_STATE_COMPLETED);
    for (const { state } of [soldOut, penniless, refused]) expect(state).toBe(OrderState.ORDER_STATE_FAILED);
    expect(cancelled.state).toBe(OrderState.ORDER_STATE_CANCELLED);
    return { completed, soldOut, penniless, refused, cancelled };
  }

  /** Changes one row in the database of a service while the mesh is stopped. */
  async function change(service: string, sql: string, params: readonly string[] = []): Promise<void> {
    await projectionsFollowed();
    await mesh.stop();
    const storage = await openStorage(`sqlite:${join(dataDir, `${service}.db`)}`);
    expect(await storage.execute(sql, params)).toBe(1);
    await storage.close();
    await start();
  }

  return {
    /** Of the current start. */
    get mesh() {
      return mesh;
    },
    get shop() {
      return shop;
    },
    get audits() {
      return audits;
    },
    get carrier() {
      return carrier;
    },
    start,
    findings,
    faults,
    placeToEnd,
    placeOfEachKind,
    change,
  };
}
