import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { countMails } from '../support/mails.ts';
import { bookOrder, euros, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';

const orders = 400;
const callers = 64;

let mesh: TestMesh;
let shop: Shop;

beforeAll(async () => {
  mesh = await startMesh(allServices, { METRICS_LISTEN: '127.0.0.1:0' });
  shop = shopOf(mesh.runtime);
  await fillShop(shop);
  const pen = { sku: 'pen', name: 'A pen', unitPrice: euros(1n), onHand: 10_000n };
  await shop.inventory.createItem({ requestId: randomUUID(), item: pen });
});
afterAll(() => mesh.stop());

async function completeOrders(): Promise<void> {
  let left = orders;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      const order = { ...bookOrder(), items: [{ sku: 'pen', quantity: 1, unitPrice: undefined }] };
      const { id } = await shop.orders.placeOrder(order);
      await watchToEnd(shop.orders, id);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://${mesh.metricsAddress}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name}{queue="email-jobs"`));
  return Number(line?.split(' ').at(-1));
}

it('a mesh under load sends mails as fast as orders complete, and shows the rest in its metrics', async () => {
  const startMs = performance.now();
  await completeOrders();
  const ordersMs = performance.now() - startMs;
  // Two per order. At a quarter of their rate, mails would need three times as long again.
  await eventually(() => expect(countMails(join(mesh.dataDir, 'mail'))).toBe(2 * orders), {
    timeoutMs: 3 * ordersMs,
    intervalMs: 20,
  });
  await eventually(async () => expect(await metric('ordermesh_tasks_depth')).toBe(0));
  expect(await metric('ordermesh_tasks_overdue_seconds')).toBe(0);
  await eventually(async () => expect(await metric('ordermesh_tasks_attempts_total')).toBe(2 * orders));
}, 60_000);
