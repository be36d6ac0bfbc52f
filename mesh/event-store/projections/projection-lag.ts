import type { Metrics } from '../../metrics/metrics.ts';
import type { Queryable } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import { projectionBehind } from '../errors.ts';
import type { EventStore } from '../event-store.ts';
import { selectLive } from './generation-table.ts';
import { createLag } from './lag.ts';
import type { Projection, ProjectionAdmin } from './projection.ts';

/** What the lag of projections is measured with. */
export interface ProjectionLagOptions {
  readonly service: string;
  readonly storage: Queryable;
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
}

/** How far projections are behind their events. */
export interface ProjectionLag {
  /** Rejects with UNAVAILABLE `PROJECTION_BEHIND` when one is behind by more than its limit. */
  check(): Promise<void>;
  /** Has the metrics show it, and how many events were put aside. */
  show(metrics: Metrics, admin: Pick<ProjectionAdmin, 'list'>): void;
}

const defaultMaxLagMs = 10_000;

/** Measures each projection from one look to the next. */
export function createProjectionLag({
  service,
  storage,
  store,
  projections,
  clock,
}: ProjectionLagOptions): ProjectionLag {
  const lags = new Map(projections.map((projection) => [projection, createLag(clock)]));

  async function look() {
    const head = await store.head();
    return await Promise.all(
      [...lags].map(async ([projection, lag]) => {
        const { position } = await selectLive(storage, projection.name);
        const name = `${service}/${projection.name}`;
        return { projection, name, position, head, behindMs: lag.observe(position, head) };
      }),
    );
  }

  return {
    async check() {
      for (const { projection, name, position, head, behindMs } of await look()) {
        if (behindMs > (projection.maxLagMs ?? defaultMaxLagMs))
          throw projectionBehind({ name, position, head, behindMs });
      }
    },
    show(metrics, admin) {
      const labels = ['projection'] as const;
      metrics
        .gauge(
          'ordermesh_projection_lag_seconds',
          'How long a projection has not reached the events there were.',
          labels,
        )
        .collect(async () =>
          (await look()).map(({ name, behindMs }) => ({ labels: { projection: name }, value: behindMs / 1_000 })),
        );
      metrics
        .gauge('ordermesh_projection_parked_events', 'How many events a projection could not take.', labels)
        .collect(async () =>
          (await admin.list()).map(({ name, parkedEvents }) => ({ labels: { projection: name }, value: parkedEvents })),
        );
    },
  };
}
