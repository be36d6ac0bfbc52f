import { onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import type { RecordedEvent } from '../event-store.ts';
import { createProjector, type Projector } from '../projections/create-projector.ts';
import type { Projection, RebuildProgress } from '../projections/projection.ts';
import { logger, type OpenStore, openStore } from './fixture.ts';
import { addUp, createTotalsTable, sumTotals } from './totals-table.ts';

/** The projection of the tests: the sum of the amounts of each stream. */
export interface Totals extends Projection {
  /** Whether it throws on an event. */
  refuses: (event: RecordedEvent) => boolean;
  /** The positions of the events passed to it, once per call. */
  readonly given: bigint[];
}

/** Creates the projection of the tests. */
export function createTotals(options: { readonly version?: number; readonly maxLagMs?: number } = {}): Totals {
  const totals: Totals = {
    name: 'totals',
    version: 1,
    ...options,
    tables: sumTotals.tables,
    refuses: () => false,
    given: [],
    apply: (tx, generation, events) =>
      addUp(tx, generation, events, (event) => {
        totals.given.push(event.position);
        if (totals.refuses(event)) throw new Error(`refused ${event.stream}/${event.version}`);
      }),
  };
  return totals;
}

/** Opens a store with the table of the projection, until the test is finished. */
export async function openTotals(url: string): Promise<OpenStore> {
  const opened = await openStore(url);
  await createTotalsTable(opened.storage);
  return opened;
}

/** Creates a projector that is stopped when the test is finished. */
export async function makeProjector(
  { storage, store }: OpenStore,
  projection: Projection,
  clock: Clock = systemClock,
): Promise<Projector> {
  const metrics = createPrometheusMetrics({ logger, clock });
  const projections = [projection];
  const projector = await createProjector({ service: 'test', storage, store, projections, clock, logger, metrics });
  onTestFinished(() => projector.stop());
  return projector;
}

/** Rebuilds the projection of the tests; returns the last progress. */
export async function rebuildTotals(projector: Projector, dryRun = false): Promise<RebuildProgress | undefined> {
  const progress = projector.admin.rebuild('test/totals', { dryRun }, new AbortController().signal);
  return (await Array.fromAsync(progress)).at(-1);
}

/** Returns the `apply` of a projection that counts every amount twice. */
export function twiceOf({ apply }: Projection): Projection['apply'] {
  const twice = (amount: unknown) => ({ amount: (2n * BigInt(String(amount))).toString() });
  return (tx, generation, events) =>
    apply(
      tx,
      generation,
      events.map((event) => ({ ...event, data: twice(event.data.amount) })),
    );
}
