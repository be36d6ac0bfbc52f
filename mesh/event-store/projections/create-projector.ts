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
import { insertFirst, selectGenerations, selectLive } from './generation-table.ts';
import { createLiveViews } from './live-views.ts';
import { parkedLetters } from './parked/dead-letters.ts';
import { countParked, isParkedUpTo } from './parked/parked-table.ts';
import type { Projection, ProjectionAdmin, ProjectionView } from './projection.ts';
import { createProjectionLag } from './projection-lag.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { renewProjection } from './rebuild/rebuild-outdated.ts';

/** What a projector works with. */
export interface ProjectorOptions {
  /** `payment`: whose projections they are. */
  readonly service: string;
  readonly storage: Storage;
  /** In the same storage. */
  readonly store: EventStore;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Keeps the projections of a service up with its events. */
export interface Projector {
  /** Begins where the last run ended. A projection whose definition has changed is made again, beside the old one. */
  start(): Promise<void>;
  /** Finishes the transactions under way. */
  stop(): Promise<void>;
  /** `payment/account-balances`, ... */
  readonly names: readonly string[];
  readonly admin: ProjectionAdmin;
  /** The events that could not be taken. */
  readonly deadLetters: DeadLetterQueue;
  /** Rejects with UNAVAILABLE `PROJECTION_BEHIND` when one of these is behind by more than its limit. */
  check(): Promise<void>;
  /**
   * Resolves with true once a projection has an event of a stream in it: for reading what was just written; with false when
   * there is no such event, it was put aside, or `signal` aborts first.
   */
  reached(name: string, stream: string, version: bigint, signal: AbortSignal): Promise<boolean>;
}

const reachedPollMs = 10;

/** Makes the projector of a service, and the live generations of projections that are new. */
export async function createProjector(options: ProjectorOptions): Promise<Projector> {
  const { service, storage, store, projections, clock, logger, metrics } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();
  for (const projection of projections) {
    await insertFirst(storage, projection.name, projection.version);
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
      parkedEvents: await countParked(storage, name),
      generation,
      rebuilding: generations.some(({ state }) => state === 'building' || state === 'lockstep'),
    };
  }

  const working = { storage, clock, logger };
  const admin: ProjectionAdmin = {
    list: () => Promise.all(projections.map(view)),
    async *rebuild(name, { dryRun }, caller) {
      const projection = projections.find((known) => name === known.name || name === `${service}/${known.name}`);
      const known = projections.map((one) => `${service}/${one.name}`);
      if (projection === undefined) throw unknownProjection({ name, known });
      const about = { projection: `${service}/${projection.name}` };
      if (!dryRun) logger.info(about, 'a projection is being made again');
      const until = AbortSignal.any([caller, signal]);
      for await (const step of rebuild({ ...working, projection, dryRun, signal: until, stopping: signal })) {
        if (step.stage === 'switched') {
          const { rowsCompared, rowsDifferent, liveHash, rebuiltHash } = step;
          logger.info({ ...about, rowsCompared, rowsDifferent, liveHash, rebuiltHash }, 'a projection was made again');
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
      projections.map((projection) => parkedLetters({ service, projection, storage, clock })),
    ),
    async start() {
      running = Promise.all(
        projections.flatMap((projection) => [
          runProjection({ ...working, projection, store, signal }),
          renewProjection({ ...working, projection, stopping: signal }),
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
