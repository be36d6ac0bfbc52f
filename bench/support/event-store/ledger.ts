import { createAggregates } from '../../../mesh/event-store/aggregates/create-aggregates.ts';
import type { EventStore } from '../../../mesh/event-store/event-store.ts';
import { createProjector, type Projector } from '../../../mesh/event-store/projections/create-projector.ts';
import type { Projection } from '../../../mesh/event-store/projections/projection.ts';
import { createEventStore } from '../../../mesh/event-store/streams/create-event-store.ts';
import { createPrometheusMetrics } from '../../../mesh/metrics/prometheus/prometheus-metrics.ts';
import { loadMigrations } from '../../../mesh/storage/migrations.ts';
import { openStorage } from '../../../mesh/storage/open.ts';
import type { Storage } from '../../../mesh/storage/storage.ts';
import { systemClock as clock } from '../../../mesh/time/clock.ts';
import { type Accounts, accountDefinition } from '../../../services/payment/streams/account-stream.ts';
import { logger } from '../event-service.ts';

/** The database of a payment service, opened in this process. */
export interface Ledger extends AsyncDisposable {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly accounts: Accounts;
  /** Creates a projector that is not started. Disposing the ledger stops it. */
  projector(projections: readonly Projection[]): Promise<Projector>;
}

/** Opens a database of the payment service, or creates it. */
export async function openLedger(url: string): Promise<Ledger> {
  await using stack = new AsyncDisposableStack();
  const storage = await openStorage(url, { exclusive: true });
  stack.defer(() => storage.close());
  const migrations = new URL('../../../services/payment/migrations/', import.meta.url);
  await storage.migrate('payment', await loadMigrations(migrations));
  const store = await createEventStore(storage, { clock });
  const metrics = createPrometheusMetrics({ clock, logger });
  const opened = stack.move();
  return {
    storage,
    store,
    accounts: createAggregates(accountDefinition, { storage, store, clock, logger }),
    projector: async (projections) => {
      const service = 'payment';
      const projector = await createProjector({ service, storage, store, projections, clock, logger, metrics });
      opened.defer(() => projector.stop());
      return projector;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
