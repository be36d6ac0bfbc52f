import { setImmediate } from 'node:timers/promises';
import type { Client } from 'nice-grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import type { AuditCheck, Storage } from '#mesh';
import { describeServicesOnEachDatabase, measureTurns, onRuntime, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from '../service.ts';

const manyItems = 600;
const ordersPerItem = 50;
const unitPrice = { currencyCode: 'USD', minorUnits: 1n };

describeServicesOnEachDatabase('the audit of the stock', (settings) => {
  let mesh: TestMesh;
  let inventory: Client<InventoryServiceDefinition>;
  let storage: Storage;
  let check: AuditCheck;
  let examined: number;
  /** Whether all items change while reservations are read. */
  let isChanging: boolean;

  beforeEach(async () => {
    isChanging = false;
    const service = onRuntime(inventoryService, (runtime) => {
      const openStorage = async (service: string) => {
        const opened = await runtime.openStorage(service);
        storage = opened;
        const query: Storage['query'] = async (sql, params) => {
          const rows = await opened.query<never>(sql, params);
          if (isChanging && sql.includes('FROM reservations')) await changeAll();
          return rows;
        };
        return { ...opened, query };
      };
      return { ...runtime, openStorage };
    });
    mesh = await startMesh([service], settings());
    inventory = mesh.runtime.client(InventoryServiceContract);
    check = mesh.services[0]?.audits?.[0] ?? expect.fail('the service has no audit');
    examined = 0;
    for (const sku of ['lamp', 'rug', 'sofa']) {
      await inventory.createItem({ item: { sku, name: sku, unitPrice, onHand: 100n } });
    }
    await reserve('held', 1n);
    await reserve('held-too', 2n);
    await reserve('gone', 10n);
    await inventory.commitStock({ orderId: 'gone' });
    await reserve('free', 20n);
    await inventory.releaseStock({ orderId: 'free' });
  });
  afterEach(() => mesh.stop());

  const reserve = (orderId: string, quantity: bigint) =>
    inventory.reserveStock({ orderId, items: ['rug', 'lamp'].map((sku) => ({ sku, quantity })) });

  const changeAll = () => storage.execute('UPDATE items SET version = version + 1');

  function findings() {
    const progress = {
      examined: (count: number) => {
        examined += count;
      },
    };
    return Array.fromAsync(check.run(progress, new AbortController().signal));
  }

  it('reports nothing if the reserved stock equals what orders hold', async () => {
    expect(await findings()).toEqual([]);
    expect(examined).toBe(3);
    expect(check.name).toBe('inventory/reserved-stock');
  });

  it('reports nothing while orders come and go', async () => {
    let ended = false;
    const burst = Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        await reserve(`burst-${index}`, 1n);
        if (index % 3 === 0) await inventory.commitStock({ orderId: `burst-${index}` });
        if (index % 3 === 1) await inventory.releaseStock({ orderId: `burst-${index}` });
      }),
    ).finally(() => {
      ended = true;
    });
    do {
      expect(await findings()).toEqual([]);
      // SQLite answers within the turn: without this the burst would never get one.
      await setImmediate();
    } while (!ended);
    await burst;
  });

  it('reports an item whose reserved stock differs from what orders hold', async () => {
    await storage.execute("UPDATE items SET reserved = reserved + 1 WHERE sku IN ('lamp', 'sofa')");
    expect(await findings()).toEqual([
      {
        reason: 'RESERVED_STOCK_DIFFERS',
        ids: ['lamp'],
        message: '4 of item "lamp" are reserved, but orders hold 3',
      },
      {
        reason: 'RESERVED_STOCK_DIFFERS',
        ids: ['sofa'],
        message: '1 of item "sofa" are reserved, but orders hold 0',
      },
    ]);
  });

  it('reports only what differs of items that change all the time', async () => {
    await storage.execute("UPDATE items SET reserved = reserved + 1 WHERE sku = 'lamp'");
    isChanging = true;
    const message = '4 of item "lamp" are reserved, but orders hold 3';
    expect(await findings()).toEqual([{ reason: 'RESERVED_STOCK_DIFFERS', ids: ['lamp'], message }]);
  });

  it('lets calls through while many orders hold stock', async ({ skip }) => {
    skip(storage.dialect === 'postgres', 'the statements run in another process');
    await holdMuch();
    const { totalMs, longestMs } = await measureTurns(findings);
    expect(examined).toBe(3 + manyItems);
    // A turn takes 4 to 7 ms of 110; without turns it is all of it.
    expect(longestMs).toBeLessThan(totalMs / 5);
  }, 60_000);

  async function holdMuch(): Promise<void> {
    const count = (columns: string, rows: number) =>
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT ${columns} FROM n`;
    await storage.execute(`INSERT INTO items ${count("'many-' || i, 'Many', 'USD', 1, 100, 50, 1, 1, 0", manyItems)}`);
    const reservations = manyItems * ordersPerItem;
    await storage.execute(
      `INSERT INTO reservations (order_id, state, version, create_time, update_time)
       ${count("'many-' || i, 'RESERVED', 1, 0, 0", reservations)}`,
    );
    await storage.execute(
      `INSERT INTO reservation_items ${count(`'many-' || i, 0, 'many-' || (1 + i % ${manyItems}), 1`, reservations)}`,
    );
  }

  it('reports an item with more reserved than on hand', async () => {
    const unchecked = {
      sqlite: 'PRAGMA ignore_check_constraints = ON',
      postgres: 'ALTER TABLE items DROP CONSTRAINT items_check',
    };
    await storage.execute(unchecked[storage.dialect]);
    await storage.execute("UPDATE items SET on_hand = 2 WHERE sku = 'rug'");
    const message = '3 of item "rug" are reserved, which has 2 on hand';
    expect(await findings()).toEqual([{ reason: 'STOCK_OUT_OF_BOUNDS', ids: ['rug'], message }]);
  });
});
