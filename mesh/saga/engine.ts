import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../ids/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { openAgingClock } from '../storage/aging/aging-clock.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { endOrGrace } from '../time/end-or-grace.ts';
import { createSagaAdmin, type SagaAdmin } from './admin/admin.ts';
import { applyExternalEvent } from './admin/apply-external-event.ts';
import { acceptsCancel, decide } from './decide/decide.ts';
import { newRecord } from './decide/record.ts';
import { type RetryPolicy, randomJitter } from './decide/retry-delay.ts';
import { createDefinitions, type Definitions, requireUnchanged } from './definitions.ts';
import { createBacklogMeter, registerSagaMetrics, type SagaBacklog } from './drive/backlog.ts';
import { createDriver } from './drive/driver.ts';
import { createProgressWriter } from './drive/progress-writer.ts';
import { createScheduler } from './drive/scheduler.ts';
import type { AnyDefinition, SagaDefinition } from './saga.ts';
import { countUnfinished, selectUndefinedKinds } from './store/counts.ts';
import { createDatabaseClock, type DatabaseTime } from './store/database-clock.ts';
import { frozenCopy } from './store/frozen-copy.ts';
import { releaseLeases } from './store/leases.ts';
import { migrateSagas } from './store/migrations.ts';
import { defaultSagasRetentionMs, purgeSagas } from './store/purge.ts';
import { insertSaga, type StoredSaga, selectSaga } from './store/saga-table.ts';

/** Runs the durable sagas of one service, in that service's own database. */
export interface SagaEngine extends SagaAdmin {
  /** Begins a saga in the caller's transaction. It has the id of the row it is about, and runs once that is committed. */
  begin<Data>(
    tx: Transaction,
    definition: SagaDefinition<Data>,
    saga: { readonly id: string; readonly data: NoInfer<Data> },
  ): Promise<void>;
  /**
   * Asks a saga to compensate, in the caller's transaction; a step in progress is awaited first. True even if it is already
   * compensating. False if it is too late: the saga has ended, even so long ago that it was purged, or its pivot has started.
   */
  cancel(tx: Transaction, id: string, failure: { readonly reason: string; readonly message: string }): Promise<boolean>;
  /** Returns how many sagas are unfinished, and how many may be: callers of `begin` refuse more than that. */
  backlog(): Promise<SagaBacklog>;
  /** Resumes unfinished sagas, including those of a dead process. */
  start(): Promise<void>;
  /**
   * Starts no more steps, waits up to `graceMs` (default: 5 s) for those in progress and for a purge, aborts the rest and
   * releases its leases.
   */
  stop(graceMs?: number): Promise<void>;
}

export interface SagaEngineOptions {
  /** The service that the sagas belong to: its steps are made as this service, and metrics name it. */
  readonly service: string;
  /** The service's own database: a saga is written in the transaction of the row that it is about. */
  readonly storage: Storage;
  /** Every kind of saga that may begin here or was left unfinished, old versions next to new ones. */
  readonly definitions: readonly AnyDefinition[];
  readonly clock: Clock;
  /** The time of all processes that share the database. Default: PostgreSQL's own clock; with SQLite it is always `clock`. */
  readonly databaseTime?: DatabaseTime | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Names this engine in its leases; no other engine may use it, even later. Default: a new id. */
  readonly owner?: string;
  /** How long other processes wait for a driver that does not renew its leases. Default: 10 s. */
  readonly leaseMs?: number;
  /** How many sagas are driven at a time; the others wait in the database. Default: 200. */
  readonly maxConcurrent?: number;
  /** Delays between attempts, ±20 %. Default: 200 ms, doubled up to 5 min. */
  readonly retry?: RetryPolicy;
  /** How long finished sagas are kept, counted while a process runs. `Infinity` keeps all. Default: 7 days. */
  readonly retentionMs?: number;
  /** How long it may take to finish what is unfinished, before `backlog` reports that it is too much. Default: 5 min. */
  readonly maxBacklogMs?: number;
}

const defaultStopGraceMs = 5_000;
/** Where processes that share a database are notified of sagas that wait for a slot. */
const channel = 'sagas_due';

/**
 * Creates an engine and its table. From then on sagas can begin; they run after `start`. Throws FAILED_PRECONDITION
 * `SAGA_DEFINITION_CHANGED` if unfinished sagas began with other steps than the definition of their name and version has.
 */
export async function createSagaEngine(options: SagaEngineOptions): Promise<SagaEngine> {
  const { storage, logger } = options;
  const clock = createDatabaseClock(storage, options.clock, options.databaseTime);
  const owner = options.owner ?? uuidv7();
  const leaseMs = options.leaseMs ?? 10_000;
  const retry = options.retry ?? { initialMs: 200, maxMs: 300_000 };
  await migrateSagas(storage);
  const aging = await openAgingClock(storage, options.clock);
  const definitions = createDefinitions(options.definitions);
  const backlog = createBacklogMeter({
    storage,
    definitions: definitions.all,
    clock,
    maxBacklogMs: options.maxBacklogMs ?? 300_000,
    isIdle: () => scheduler.isIdle(),
  });
  const onUnanswered = backlog.noteUnanswered;
  const writer = createProgressWriter({ storage, clock, aging, logger, retry, owner, leaseMs, onUnanswered });
  const scheduler = createScheduler({
    storage,
    definitions,
    driver: createDriver({ service: options.service, definitions, writer, clock, callClock: options.clock }),
    clock,
    logger,
    owner,
    leaseMs,
    maxConcurrent: options.maxConcurrent ?? 200,
    retry,
    onFinished: backlog.noteFinished,
    onIdle: backlog.noteIdle,
  });
  const wake = () => scheduler.noteDue(clock.now());
  /** Another process may have a free slot for a saga that finds none here. */
  const wakeAll = () => {
    wake();
    if (!storage.exclusive) storage.notify(channel);
  };
  const stopping = new AbortController();
  let purging: Promise<void> = Promise.resolve();
  let endListening: (() => void) | undefined;

  await clock.adjust();
  await requireUnchanged(storage, definitions);
  const admin = createSagaAdmin({ storage, definitions, retry, clock, aging, wake });
  if (options.metrics) {
    const names = definitions.all.map(({ name }) => name);
    const { countUnfinished } = admin;
    registerSagaMetrics(options.metrics, {
      service: options.service,
      names,
      readBacklog: backlog.read,
      countUnfinished,
      clock,
    });
  }

  return {
    ...admin,

    async begin(tx, definition, { id, data }) {
      const known = definitions.find(definition.name, definition.version);
      if (!known)
        throw new Error(`saga ${definition.name} v${definition.version} is not among the definitions of the engine`);
      const nowMs = clock.now();
      const saga = newSaga(known, id, data, nowMs);
      tx.afterCommit(backlog.noteBegun);
      if (!scheduler.hasRoom()) {
        insertSaga(tx, saga, { leaseOwner: null, dueTimeMs: nowMs });
        tx.afterCommit(wakeAll);
        return;
      }
      backlog.noteIdle();
      const first = decide(known, retry, saga.record, { kind: 'resumed', nowMs, jitter: randomJitter() });
      const held: StoredSaga = { ...saga, record: first.record, leaseOwner: owner };
      insertSaga(tx, held, { leaseOwner: owner, dueTimeMs: nowMs + leaseMs });
      tx.afterCommit(() => scheduler.launch({ saga: held, commands: first.commands }));
    },

    async cancel(tx, id, failure) {
      let accepted = false;
      if ((await selectSaga(tx, id)) === undefined) return false;
      const context = { definitions, retry, nowMs: clock.now(), agedMs: aging.nowMs() };
      await applyExternalEvent(tx, context, id, ({ record }, definition) => {
        accepted = acceptsCancel(definition, record);
        const isNew = accepted && record.state === 'running' && !record.cancel;
        return isNew ? { event: { kind: 'cancel-requested', error: failure } } : undefined;
      });
      if (accepted) tx.afterCommit(wake);
      return accepted;
    },

    backlog: backlog.read,

    async start() {
      await warnOfUndefined(storage, definitions, logger);
      await logUnfinished(storage, logger);
      // No other process can use the database, so the holders of these leases are dead.
      if (storage.exclusive) await releaseLeases(storage, 'others', owner, clock.now());
      if (!storage.exclusive) endListening = storage.listen(channel, wake);
      await scheduler.start();
      const retentionMs = options.retentionMs ?? defaultSagasRetentionMs;
      const { signal } = stopping;
      if (Number.isFinite(retentionMs))
        purging = purgeSagas({ storage, aging, retentionMs, clock: options.clock, logger, signal });
    },

    async stop(graceMs = defaultStopGraceMs) {
      endListening?.();
      stopping.abort();
      // A deletion that is cut off is repeated by the next purge.
      await Promise.all([scheduler.stop(graceMs), endOrGrace(purging, graceMs, options.clock)]);
    },
  };
}

function newSaga(definition: AnyDefinition, id: string, data: unknown, nowMs: number): StoredSaga {
  const scope = currentScope();
  return {
    id,
    subjectId: id,
    data: frozenCopy(data),
    name: definition.name,
    definitionVersion: definition.version,
    record: newRecord(definition, nowMs),
    notes: [],
    requestId: scope?.requestId ?? id,
    traceparent: scope?.traceparent ?? newTraceparent(),
    onBehalfOf: scope?.caller?.subject,
    revision: 1n,
    driverRevision: 1n,
    fencingToken: 1n,
    leaseOwner: null,
    createTimeMs: nowMs,
    updateTimeMs: nowMs,
  };
}

function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

async function logUnfinished(storage: Storage, logger: Logger): Promise<void> {
  const { active, needAttention } = await countUnfinished(storage);
  if (active > 0) logger.info({ sagas: active }, 'unfinished sagas continue');
  if (needAttention > 0) logger.warn({ sagas: needAttention }, 'sagas need attention; retry or resolve them');
}

async function warnOfUndefined(storage: Storage, definitions: Definitions, logger: Logger): Promise<void> {
  for (const { name, version } of await selectUndefinedKinds(storage, definitions.all)) {
    logger.error(
      { saga: name, version },
      'unfinished sagas have a definition that this process does not have; they wait for a process that has it',
    );
  }
}
