import { afterEach, expect, it } from 'vitest';
import {
  systemClock as clock,
  createAggregates,
  createEventStore,
  createProjector,
  loadMigrations,
  type MeshCallContext,
  openStorage,
  type Storage,
} from '#mesh';
import { createLogger, createPrometheusMetrics, describeOnEachDatabase } from '#mesh/testing';
import { createLedgerRpc } from './ledger-rpc.ts';
import { monthlyStatements } from './projections/monthly-statements.ts';
import { accountDefinition } from './streams/account-stream.ts';

describeOnEachDatabase((newUrl) => {
  let storage: Storage;
  afterEach(() => storage.close());

  it('a statement reports whether the account or its statements have not reached the requested version', async () => {
    storage = await openStorage(newUrl());
    await storage.migrate('payment', await loadMigrations(new URL('./migrations/', import.meta.url)));
    const logger = createLogger('silent');
    const store = await createEventStore(storage, { clock });
    const accounts = createAggregates(accountDefinition, { storage, store, clock, logger });
    const opened = accountDefinition.events.encode({ type: 'ACCOUNT_OPENED', currencyCode: 'EUR' });
    await store.append('account-ada', 0n, { ...opened, correlationId: 'request-1', timeMs: 1 });
    const projections = [monthlyStatements];
    const metrics = createPrometheusMetrics({ clock, logger });
    // It is not started, so the statements stay behind.
    const projector = await createProjector({
      service: 'payment',
      storage,
      store,
      projections,
      clock,
      logger,
      metrics,
    });
    const ledger = createLedgerRpc({ storage, accounts, projector });
    const context = { signal: AbortSignal.timeout(100) } as MeshCallContext;
    const statementAt = (minVersion: bigint) =>
      ledger.getStatement({ accountId: 'ada', month: '1970-01', minVersion }, context);
    await expect(statementAt(1n)).rejects.toMatchObject({
      reason: 'VERSION_NOT_REACHED',
      message: expect.stringContaining('statements of account "ada" have not reached version 1'),
    });
    await expect(statementAt(2n)).rejects.toMatchObject({
      reason: 'VERSION_NOT_REACHED',
      message: expect.stringContaining('account "ada" is at version 1 and has not reached version 2'),
    });
  });
});
