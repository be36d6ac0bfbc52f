import { combineDeadLetters } from '../dead-letters/combine.ts';
import type { DeadLetterBox } from '../dead-letters/dead-letters.ts';
import { backoffDelayMs } from '../events/backoff.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { pause } from '../telemetry/pause.ts';
import { projectionBehind, unknownProjection } from './errors.ts';
import type { EventStore } from './event-store.ts';
import { positionOf, timeAfter } from './event-table.ts';
import { createLag } from './lag.ts';
import { parkedLetters } from './parked-letters.ts';
import { countParked } from './parked-table.ts';
import type { Projection, ProjectionAdmin, ProjectionView } from './projection.ts';
import { advanceLive, insertFirst, selectGenerations, selectLive } from './projection-table.ts';
import { discard, rebuild } from './rebuild.ts';
import { takeEvents } from './take-events.ts';

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
  readonly deadLetters: DeadLetterBox;
  /** Rejects with UNAVAILABLE `PROJECTION_BEHIND` when one of these is behind by more than its limit. */
  check(): Promise<void>;
  /**
   * Resolves with true once a projection has an event of a stream in it: for reading what was just written; with false when
   * there is no such event, or `signal` aborts first.
   */
  reached(name: string, stream: string, version: bigint, signal: AbortSignal): Promise<boolean>;
}

const batchSize = 500;
const failureBackoff = { firstMs: 100, maxMs: 5_000 };
// How long to wait for more once all there was is taken: a few commits are cheaper than many. Well below what a reader
// notices.
const gatherMs = 20;
// Another process moves the projection: how long to leave it to that.
const standbyMs = 1_000;
const reachedPollMs = 10;
const defaultMaxLagMs = 10_000;

/** Makes the projector of a service, and the live generations of projections that are new. */
export async function createProjector(options: ProjectorOptions): Promise<Projector> {
  const { service, storage, store, projections, clock, logger, metrics } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const lags = new Map(projections.map((projection) => [projection, createLag(clock)]));
  let running: Promise<unknown> = Promise.resolve();
  for (const { name, version } of projections) await insertFirst(storage, name, version);

  async function run(projection: Projection): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await follow(projection, () => {
          if (failures > 0) logger.info({ projection: projection.name, failures }, 'the projection goes on');
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (failures === 1)
          logger.error({ err: error, projection: projection.name }, 'the projection cannot go on: it tries again');
        await pause(clock, backoffDelayMs(failureBackoff, failures), signal);
      }
    }
  }

  async function follow(projection: Projection, moved: () => void): Promise<void> {
    const move = async (tx: Transaction, from: bigint, to: bigint) => await advanceLive(tx, projection.name, from, to);
    let { position } = await selectLive(storage, projection.name);
    for await (const events of store.subscribe(position, batchSize, signal)) {
      if (!(await takeEvents({ projection, storage, clock, logger, signal }, move, position, events))) {
        await pause(clock, standbyMs, signal);
        return;
      }
      position = events.at(-1)?.position ?? position;
      moved();
      if (events.length < batchSize) await pause(clock, gatherMs, signal);
    }
  }

  /** Deletes what earlier runs left, and makes again what is defined anew. */
  async function renew(projection: Projection): Promise<void> {
    for (const { generation, state, untilMs } of await selectGenerations(storage, projection.name)) {
      const left = state === 'dropped' || (state !== 'live' && (storage.exclusive || untilMs < clock.now()));
      if (left) await discard({ projection, storage, logger }, generation);
    }
    const { definitionVersion } = await selectLive(storage, projection.name);
    if (definitionVersion === projection.version || signal.aborted) return;
    const about = { projection: projection.name, from: definitionVersion, to: projection.version };
    logger.info(about, 'the projection is defined anew: it is made again');
    for await (const { stage } of rebuildOf(projection, false, signal)) {
      if (stage === 'switched') logger.info(about, 'the projection is made again');
    }
  }

  async function renewInBackground(projection: Projection): Promise<void> {
    try {
      await renew(projection);
    } catch (error) {
      if (!signal.aborted)
        logger.error({ err: error, projection: projection.name }, 'the projection was not made again: rebuild it');
    }
  }

  function rebuildOf(projection: Projection, dryRun: boolean, until: AbortSignal) {
    return rebuild({ projection, storage, clock, logger, dryRun, signal: until });
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

  async function behind() {
    const head = await store.head();
    return await Promise.all(
      [...lags].map(async ([projection, lag]) => {
        const { position } = await selectLive(storage, projection.name);
        const name = `${service}/${projection.name}`;
        return { projection, name, position, head, behindMs: lag.observe(position, head) };
      }),
    );
  }

  const labels = ['projection'] as const;
  metrics
    .gauge('ordermesh_projection_lag_seconds', 'How long a projection has not reached the events there were.', labels)
    .collect(async () =>
      (await behind()).map(({ name, behindMs }) => ({ labels: { projection: name }, value: behindMs / 1_000 })),
    );
  metrics
    .gauge('ordermesh_projection_parked_events', 'How many events a projection could not take.', labels)
    .collect(async () =>
      (await admin.list()).map(({ name, parkedEvents }) => ({ labels: { projection: name }, value: parkedEvents })),
    );

  const admin: ProjectionAdmin = {
    list: () => Promise.all(projections.map(view)),
    async *rebuild(name, { dryRun }, caller) {
      const projection = projections.find((known) => name === known.name || name === `${service}/${known.name}`);
      const known = projections.map((one) => `${service}/${one.name}`);
      if (projection === undefined) throw unknownProjection(name, known);
      yield* rebuildOf(projection, dryRun, AbortSignal.any([caller, signal]));
    },
  };

  return {
    names: projections.map(({ name }) => `${service}/${name}`),
    admin,
    deadLetters: combineDeadLetters(
      projections.map((projection) => parkedLetters({ service, projection, storage, clock })),
    ),
    async start() {
      running = Promise.all([...projections.map(run), ...projections.map(renewInBackground)]);
    },
    async stop() {
      stopping.abort(new Error('the process is stopping'));
      await running;
    },
    async check() {
      for (const { projection, name, position, head, behindMs } of await behind()) {
        if (behindMs > (projection.maxLagMs ?? defaultMaxLagMs)) throw projectionBehind(name, position, head, behindMs);
      }
    },
    async reached(name, stream, version, caller) {
      const wanted = await positionOf(storage, stream, version);
      if (wanted === undefined) return false;
      for (;;) {
        const { position } = await selectLive(storage, name);
        if (position >= wanted) return true;
        if (caller.aborted) return false;
        await pause(clock, reachedPollMs, caller);
      }
    },
  };
}
