import { combineDeadLetters } from '../../dead-letters/combine.ts';
import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { unknownProjection } from '../errors.ts';
import type { EventStore } from '../event-store.ts';
import { positionOf, timeAfter } from '../streams/event-table.ts';
import { runProjection } from './follow.ts';
import { insertFirstGeneration, selectGenerations, selectLive } from './generation-table.ts';
import { createLiveViews } from './live-views.ts';
import { parkedDeadLetters } from './parked/dead-letters.ts';
import { isParkedUpTo, measureParked } from './parked/parked-table.ts';
import type { Projection, ProjectionAdmin, ProjectionView } from './projection.ts';
import { createProjectionLag } from './projection-lag.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { rebuildOutdated } from './rebuild/rebuild-outdated.ts';

export interface ProjectorOptions {
  /** The service that the projections belong to: `payment`. */
  readonly service: string;
  readonly storage: Storage;
  /** In the same storage. */
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Keeps the projections of a service up to date with its events. */
export interface Projector {
  /** Resumes where the last run ended. Rebuilds projections whose definition has changed, next to the old ones. */
  start(): Promise<void>;
  /** Finishes the transactions in progress. */
  stop(): Promise<void>;
  /** `payment/account-balances`, ... */
  readonly names: readonly string[];
  readonly admin: ProjectionAdmin;
  /** The parked events. */
  readonly deadLetters: DeadLetterQueue;
  /** Throws UNAVAILABLE `PROJECTION_BEHIND` if a projection has been behind for longer than its limit. */
  check(): Promise<void>;
  /**
   * Waits until a projection includes an event of a stream, for reading one's own writes. Returns false if the event does
   * not exist or is parked, or if `signal` aborts first.
   */
  reached(name: string, stream: string, version: bigint, signal: AbortSignal): Promise<boolean>;
}

const reachedPollMs = 10;

/** Creates the projector of a service, with the first generation of new projections and the views of their tables. */
export async function createProjector(options: ProjectorOptions): Promise<Projector> {
  const { service, storage, store, projections, clock, logger, metrics } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();
  for (const projection of projections) {
    await insertFirstGeneration(storage, projection.name, projection.version);
    await createLiveViews(storage, projection);
  }

  async function view({ name }: Projection): Promise<ProjectionView> {
    const generations = await selectGenerations(storage, name);
    const { position, generation } = await selectLive(storage, name);
    return {
      name: `${service}/${name}`,
      position,
      headPosition: await store.head(),
      behindSinceMs: await timeAfter(storage, position),
      parkedEvents: (await measureParked(storage, name)).count,
      generation,
      rebuilding: generations.some(({ state }) => state === 'building' || state === 'lockstep'),
    };
  }

  const shared = { storage, clock, logger };
  const admin: ProjectionAdmin = {
    list: () => Promise.all(projections.map(view)),
    async *rebuild(name, { dryRun }, caller) {
      const projection = projections.find((known) => name === known.name || name === `${service}/${known.name}`);
      const known = projections.map((one) => `${service}/${one.name}`);
      if (projection === undefined) throw unknownProjection({ name, known });
      const about = { projection: `${service}/${projection.name}` };
      if (!dryRun) logger.info(about, 'projection rebuild started');
      const until = AbortSignal.any([caller, signal]);
      for await (const step of rebuild({ ...shared, projection, dryRun, signal: until, stopping: signal })) {
        if (step.stage === 'switched') {
          const { rowsCompared, rowsDifferent, liveHash, rebuiltHash } = step;
          logger.info({ ...about, rowsCompared, rowsDifferent, liveHash, rebuiltHash }, 'projection rebuilt');
        }
        yield step;
      }
    },
  };
  const lag = createProjectionLag({ service, storage, store, projections, clock });
  lag.show(metrics, admin);

  return {
    names: projections.map(({ name }) => `${service}/${name}`),
    admin,
    deadLetters: combineDeadLetters(
      projections.map((projection) => parkedDeadLetters({ service, projection, storage, clock })),
    ),
    async start() {
      running = Promise.all(
        projections.flatMap((projection) => [
          runProjection({ ...shared, projection, store, signal }),
          rebuildOutdated({ ...shared, projection, stopping: signal }),
        ]),
      );
    },
    async stop() {
      stopping.abort(new Error('the process is stopping'));
      await running;
    },
    check: () => lag.check(),
    async reached(name, stream, version, caller) {
      const wanted = await positionOf(storage, stream, version);
      if (wanted === undefined) return false;
      for (;;) {
        const { position, generation } = await selectLive(storage, name);
        if (position >= wanted) return !(await isParkedUpTo(storage, name, generation, stream, wanted));
        if (caller.aborted) return false;
        await sleep(clock, reachedPollMs, caller);
      }
    },
  };
}
