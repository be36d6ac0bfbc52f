import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { healthProblems, notServing } from '../support/health-of.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

const readers = ['notification.v1.NotificationService', 'report.v1.OrderReportService'];

describe('a process with a damaged partition', () => {
  it.each([
    ['order.events', ['ordermesh.events', ...readers].toSorted()],
    ['user.events', ['ordermesh.events']],
  ])('accepts orders and degrades only the readers of %s', async (topic, degraded) => {
    await using folder = await tempFolder();
    const dataDir = join(folder.path, 'data');
    // No readers of events, so all events are ahead of them.
    await using writers = await startProcess({
      dataDir,
      args: ['user', 'inventory', 'payment', 'shipping', 'order'],
    });
    await fillShop(shopOf(writers));
    const { id } = await shopOf(writers).orders.placeOrder(bookOrder());
    await watchToEnd(shopOf(writers).orders, id);
    await writers.stop();
    damage(join(dataDir, 'events.db'), topic);

    // No service reads user events: the audit finds the damage.
    const environment = { LOG_LEVEL: 'silent', AUDIT_INTERVAL_MS: '1000' };
    await using mesh = await startProcess({ dataDir, environment });
    await eventually(async () => expect(await notServing(mesh.address)).toEqual(degraded), { timeoutMs: 20_000 });
    const problems = await healthProblems(mesh);
    expect(problems['ordermesh.events']).toEqual(['ordermesh.events: STORAGE_CORRUPT']);
    for (const name of degraded.slice(0, -1)) expect(problems[name]).toEqual([`${name}: STORAGE_CORRUPT`]);
    const again = await shopOf(mesh).orders.placeOrder(bookOrder());
    expect((await watchToEnd(shopOf(mesh).orders, again.id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
  });
});

/** Damages the oldest event of a topic in the database. */
function damage(file: string, topic: string): void {
  const database = new DatabaseSync(file);
  const { changes } = database
    .prepare(
      `UPDATE record SET value = X'00' WHERE id = (SELECT MIN(record.id) FROM record
         JOIN log_partition ON log_partition.id = record.id / 1099511627776 WHERE topic = ?)`,
    )
    .run(topic);
  database.close();
  expect(changes).toBe(1);
}
