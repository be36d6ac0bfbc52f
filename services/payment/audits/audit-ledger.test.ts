import { expect, it, onTestFinished } from 'vitest';
import {
  systemClock as clock,
  createEventStore,
  createProjector,
  type Finding,
  loadMigrations,
  openStorage,
  type Storage,
} from '#mesh';
import { createLogger, createPrometheusMetrics, describeOnEachDatabase, eventually, measureTurns } from '#mesh/testing';
import { counterpartOf } from '../domain/account.ts';
import { accountBalances } from '../projections/account-balances.ts';
import { accountEventTypes } from '../streams/account-stream.ts';
import { auditLedger } from './audit-ledger.ts';

const logger = createLogger('silent');
const eur = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });

function run(storage: Storage): Promise<Finding[]> {
  return Array.fromAsync(auditLedger(storage).run({ examined: () => undefined }, new AbortController().signal));
}

describeOnEachDatabase((newUrl) => {
  /** Opens a ledger with `count` accounts of one cent each. */
  async function openLedger(count: number) {
    const storage = await openStorage(newUrl());
    onTestFinished(() => storage.close());
    await storage.migrate('payment', await loadMigrations(new URL('../migrations/', import.meta.url)));
    const store = await createEventStore(storage, { clock });
    const metrics = createPrometheusMetrics({ clock, logger });
    const projections = [accountBalances];
    const projector = await createProjector({
      service: 'payment',
      storage,
      store,
      projections,
      clock,
      logger,
      metrics,
    });
    onTestFinished(() => projector.stop());
    const rows = Array.from({ length: count }, (_, index) => `(1, 'm-${index}', 'EUR', '1', 1, 0)`);
    rows.push(`(1, '@world.EUR', 'EUR', '-${count}', 0, 0)`);
    await storage.transaction(async (tx) => {
      for (let start = 0; start < rows.length; start += 1_000) {
        await tx.execute(`INSERT INTO account_balances VALUES ${rows.slice(start, start + 1_000).join(', ')}`);
      }
    });
    await projector.start();
    return { storage, store, projector };
  }

  it('lets others work while it sums a large ledger', async () => {
    const { storage } = await openLedger(40_000);
    const { totalMs, longestMs } = await measureTurns(() => run(storage));
    expect(longestMs).toBeLessThan(totalMs / 3);
  });

  it('finds nothing wrong in a ledger whose money moves between its pages', async () => {
    const { storage, store, projector } = await openLedger(1_700);
    const pay = async (accountId: string) => {
      const [previousBalance, amount] = [eur(0n), eur(7n)];
      const common = { amount, previousBalance, newBalance: amount, reference: '' };
      const deposit = { type: 'MONEY_DEPOSITED', ...common, counterpart: counterpartOf('transfer', 'EUR') } as const;
      const [event] = await store.append(`account-${accountId}`, 'any', {
        ...accountEventTypes.encode(deposit),
        correlationId: 'request-1',
        timeMs: clock.now(),
      });
      await eventually(async () => expect((await projector.admin.list())[0]?.position).toBe(event?.position));
    };
    let pages = 0;
    const moving: Storage = {
      ...storage,
      query: async (sql, params) => {
        const rows = await storage.query(sql, params);
        // One account that the audit has read, one that it has not, and one that is new to the ledger.
        if (/live_position/.test(sql)) for (const id of ['a', 'm-1', 'z']) await pay(id);
        if (/live_position/.test(sql)) pages += 1;
        return rows as never;
      },
    };
    expect(await run(moving)).toEqual([]);
    // It needed no second look.
    expect(pages).toBe(4);
  });

  it('reports a ledger that does not sum to zero, and negative balances', async () => {
    const { storage } = await openLedger(600);
    await storage.execute(`UPDATE account_balances SET balance = '-4' WHERE account_id = 'm-77'`);
    expect(await run(storage)).toMatchObject([
      { reason: 'LEDGER_NOT_ZERO', ids: ['EUR', '@world.EUR'], message: expect.stringContaining('sum to -5 minor') },
      { reason: 'BALANCE_BELOW_ZERO', ids: ['m-77'] },
    ]);
  });
});
