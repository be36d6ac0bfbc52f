import type { Metrics } from '../../metrics/metrics.ts';
import type { Queryable } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import { projectionBehind } from '../errors.ts';
import type { EventStore } from '../event-store.ts';
import { selectLive } from './generation-table.ts';
import type { Projection, ProjectionAdmin } from './projection.ts';

export interface ProjectionLagOptions {
  readonly service: string;
  readonly storage: Queryable;
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
}

/** Measures how long projections have been behind their events. */
export interface ProjectionLag {
  /** Throws UNAVAILABLE `PROJECTION_BEHIND` if a projection has been behind for longer than its limit. */
  check(): Promise<void>;
  /** Registers the metrics of lag and of parked events. */
  show(metrics: Metrics, admin: Pick<ProjectionAdmin, 'list'>): void;
}

const defaultMaxLagMs = 10_000;

/** Measures from one observation to the next. */
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

/** How long a follower has been behind the head that it saw. */
interface Lag {
  /** Takes the current position and head. Returns for how long it has been behind, in milliseconds. */
  observe(position: bigint, head: bigint): number;
}

/** Measures between observations, so neither the times of events nor changes of the clock matter. */
function createLag(clock: Clock): Lag {
  let target = { head: 0n, sinceMs: clock.elapsedMs() };
  return {
    observe(position, head) {
      if (position >= target.head) target = { head, sinceMs: clock.elapsedMs() };
      return position >= target.head ? 0 : clock.elapsedMs() - target.sinceMs;
    },
  };
}
