import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { pgbouncer, pgbouncerPrepares, preparingVersion, startPgBouncer } from '../mesh/testing/servers/pgbouncer.ts';
import { startPostgres } from '../mesh/testing/servers/postgres-server.ts';
import { describeWithServer, describeWithVersion } from '../mesh/testing/servers/servers.ts';
import { startMesh } from '../mesh/testing/start-mesh.ts';
import { allServices } from '../services/all.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from './support/shop.ts';

describeWithServer(pgbouncer, 'a mesh whose databases are behind a pooler', () => {
  describe('that keeps no prepared statements', () => completesOrders(pgbouncerPrepares ? 0 : undefined));

  describeWithVersion(pgbouncer, preparingVersion, 'a mesh behind a pooler that keeps prepared statements', () =>
    completesOrders(100),
  );
});

function completesOrders(maxPreparedStatements: number | undefined): void {
  it('completes orders and passes its audits', { timeout: 90_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startPostgres(), (started) => started.stop());
    const pooler = stack.adopt(
      await startPgBouncer(server, maxPreparedStatements === undefined ? {} : { maxPreparedStatements }),
      (started) => started.stop(),
    );
    const name = `${randomUUID()}-<service>`;
    const settings = { DATABASE_URL: pooler.url(name), DATABASE_DIRECT_URL: server.url(name) };
    const mesh = stack.adopt(await startMesh(allServices, settings), (started) => started.stop());
    const shop = shopOf(mesh.runtime);
    await fillShop(shop);
    const orders = Array.from({ length: 20 }, (_each, index) => bookOrder({ quantity: index === 7 ? 500 : 1 }));
    const placed = await Promise.all(orders.map((order) => shop.orders.placeOrder(order)));
    const ends = await Promise.all(placed.map(async ({ id }) => (await watchToEnd(shop.orders, id)).at(-1)?.state));
    expect(ends.filter((state) => state === OrderState.ORDER_STATE_COMPLETED)).toHaveLength(19);
    expect(ends[7]).toBe(OrderState.ORDER_STATE_FAILED);
    const reports = await Array.fromAsync(mesh.runtime.client(AuditServiceContract).runAudit({}));
    expect(reports.filter(({ report }) => report?.$case === 'finding')).toEqual([]);
    expect(reports.flatMap(({ report }) => (report?.$case === 'check' ? [report.value.error] : [])).join('')).toBe('');
  });
}
