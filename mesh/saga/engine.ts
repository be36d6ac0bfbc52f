import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../ids/ids.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Storage } from '../storage/storage.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { createSagaAdmin } from './admin/admin.ts';
import { changeFromOutside } from './admin/apply-external-event.ts';
import { acceptsCancel, decide } from './decide/decide.ts';
import { newRecord } from './decide/record.ts';
import { type RetryPolicy, randomJitter } from './decide/retry-delay.ts';
import { requireUnchanged } from './definition-change.ts';
import { type Catalog, createCatalog } from './definitions.ts';
import { createBacklogMeter } from './drive/backlog.ts';
import { createDriver } from './drive/driver.ts';
import { registerSagaMetrics } from './drive/saga-metrics.ts';
import { createRecorder } from './drive/save-progress.ts';
import { createScheduler } from './drive/scheduler.ts';
import type { AnyDefinition, SagaEngine } from './saga.ts';
import { createDatabaseClock, type DatabaseTime } from './store/database-clock.ts';
import { migrateSagas } from './store/migrations.ts';
import { countUnfinished, insertSaga, releaseLeases, selectUndefined } from './store/saga-table.ts';
import type { StoredSaga } from './store/stored-saga.ts';

export interface SagaEngineOptions {
  /** The service that the sagas belong to, as its metrics name it. */
  readonly service: string;
  /** The service's own database: the saga is written beside the row that it is about. */
  readonly storage: Storage;
  /** Every kind of saga that may be begun here or was left unfinished; old versions beside new ones. */
  readonly definitions: readonly AnyDefinition[];
  readonly clock: Clock;
  /** What all go by who share the database. Default: PostgreSQL's own clock; with SQLite it is always `clock`. */
  readonly databaseTime?: DatabaseTime | undefined;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Names this engine in its leases; must not be used again by a later one. Default: a new id. */
  readonly owner?: string;
  /** How long others wait for a driver that is silent. Default 10 s. */
  readonly leaseMs?: number;
  /** How many sagas are driven at a time; the others wait in the database. Default 200. */
  readonly maxConcurrent?: number;
  /** Waits between tries, ±20 %. Default 200 ms, doubled up to 5 min. */
  readonly retry?: RetryPolicy;
  /** How long it may take to work off what is unfinished, before `backlog` says that it is too much. Default 5 min. */
  readonly maxBacklogMs?: number;
}

const defaultStopGraceMs = 5_000;
/** Where processes that share a database hear of sagas that wait for a slot. */
const channel = 'sagas_due';

/**
 * Creates an engine and its table. Sagas can be begun from then on; they run after `start`. Fails with FAILED_PRECONDITION
 * `SAGA_DEFINITION_CHANGED` if unfinished sagas began with other steps than the definition of their name and version has.
 */
export async function createSagaEngine(options: SagaEngineOptions): Promise<SagaEngine> {
  const { storage, logger } = options;
  const clock = createDatabaseClock(storage, options.clock, options.databaseTime);
  const owner = options.owner ?? uuidv7();
  const leaseMs = options.leaseMs ?? 10_000;
  const retry = options.retry ?? { initialMs: 200, maxMs: 300_000 };
  const catalog = createCatalog(options.definitions);
  const backlog = createBacklogMeter({
    storage,
    definitions: catalog.definitions,
    clock,
    maxBacklogMs: options.maxBacklogMs ?? 300_000,
    isIdle: () => scheduler.isIdle(),
  });
  const onUnanswered = backlog.noteUnanswered;
  const recorder = createRecorder({ storage, clock, logger, retry, owner, leaseMs, onUnanswered });
  const scheduler = createScheduler({
    storage,
    catalog,
    driver: createDriver({ catalog, recorder, clock, callClock: options.clock }),
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
  /** Others may have a slot free for what finds none here. */
  const wakeAll = () => {
    wake();
    if (!storage.exclusive) storage.notify(channel);
  };
  let endListening: (() => void) | undefined;

  await migrateSagas(storage);
  await clock.adjust();
  await requireUnchanged(storage, catalog);
  if (options.metrics) registerSagaMetrics(options.metrics, options.service, backlog.read);

  return {
    ...createSagaAdmin({ storage, catalog, retry, clock, wake }),

    async begin(tx, definition, { id, data }) {
      const known = catalog.find(definition.name, definition.version);
      if (!known) throw new Error(`the saga ${definition.name} v${definition.version} was not given to the engine`);
      const nowMs = clock.now();
      const saga = newSaga(known, id, data, nowMs);
      tx.afterCommit(backlog.noteBegun);
      if (!scheduler.hasRoom()) {
        await insertSaga(tx, saga, { leaseOwner: null, dueTimeMs: nowMs });
        tx.afterCommit(wakeAll);
        return;
      }
      backlog.noteIdle();
      const first = decide(known, retry, saga.record, { kind: 'resumed', nowMs, jitter: randomJitter() });
      const held: StoredSaga = { ...saga, record: first.record, leaseOwner: owner };
      await insertSaga(tx, held, { leaseOwner: owner, dueTimeMs: nowMs + leaseMs });
      tx.afterCommit(() => scheduler.launch({ saga: held, commands: first.commands }));
    },

    async cancel(tx, id, failure) {
      let accepted = false;
      await changeFromOutside(tx, { catalog, retry, nowMs: clock.now() }, id, ({ record }, definition) => {
        accepted = acceptsCancel(definition, record);
        const isNews = accepted && record.state === 'running' && !record.cancel;
        return isNews ? { event: { kind: 'cancel-requested', error: failure } } : undefined;
      });
      if (accepted) tx.afterCommit(wake);
      return accepted;
    },

    backlog: backlog.read,

    async start() {
      await warnOfUndefined(storage, catalog, logger);
      await logUnfinished(storage, logger);
      // Nobody else can be using the database, so who holds these leases is dead.
      if (storage.exclusive) await releaseLeases(storage, 'others', owner, clock.now());
      if (!storage.exclusive) endListening = storage.listen(channel, wake);
      await scheduler.start();
    },

    stop: (graceMs = defaultStopGraceMs) => {
      endListening?.();
      return scheduler.stop(graceMs);
    },
  };
}

function newSaga(definition: AnyDefinition, id: string, data: unknown, nowMs: number): StoredSaga {
  const scope = currentScope();
  return {
    id,
    subjectId: id,
    data,
    name: definition.name,
    definitionVersion: definition.version,
    record: newRecord(definition, nowMs),
    notes: [],
    requestId: scope?.requestId ?? id,
    traceparent: scope?.traceparent ?? newTraceparent(),
    version: 1n,
    turn: 1n,
    epoch: 1n,
    leaseOwner: null,
    createTimeMs: nowMs,
    updateTimeMs: nowMs,
  };
}

function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

async function logUnfinished(storage: Storage, logger: Logger): Promise<void> {
  const { going, parked } = await countUnfinished(storage);
  if (going > 0) logger.info({ sagas: going }, 'unfinished sagas go on');
  if (parked > 0) logger.warn({ sagas: parked }, 'parked sagas wait for an operator; retry or resolve them');
}

async function warnOfUndefined(storage: Storage, catalog: Catalog, logger: Logger): Promise<void> {
  for (const { name, version } of await selectUndefined(storage, catalog.definitions)) {
    logger.error(
      { saga: name, version },
      'unfinished sagas have a definition that is not known here; they wait for it',
    );
  }
}
