import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from '../decide/retry-delay.ts';
import type { Catalog } from '../definitions.ts';
import type { DatabaseClock } from '../store/database-clock.ts';
import { claimDue, nextDueTime, releaseLeases, renewLeases } from '../store/saga-table.ts';
import type { DriveEnd, Driver, HeldSaga } from './driver.ts';
import { createFaultLog } from './fault-log.ts';
import { createStrays } from './misdated.ts';

export interface SchedulerOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly driver: Driver;
  readonly clock: DatabaseClock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly maxConcurrent: number;
  readonly retry: RetryPolicy;
  /** Called when a saga ends or is parked here. */
  readonly onFinished: () => void;
  /** Called when all that are due are driven, and a slot is still free. */
  readonly onIdle: () => void;
}

/** Decides which sagas are driven now: of those that are due, the oldest. What does not fit waits in the database. */
export interface Scheduler {
  /** Whether a saga that begins now can be driven immediately: there is room, and nobody waits for it. */
  hasRoom(): boolean;
  /** Whether a slot is free, and no saga that is due waits for it. */
  isIdle(): boolean;
  /** Drives a saga whose lease is held here, now or when others have made room. */
  launch(held: HeldSaga): void;
  /** Says that a saga in the database waits until `timeMs`. */
  noteDue(timeMs: number): void;
  /** Resolves when the oldest that are due have been looked at, so that what begins then knows whether others wait. */
  start(): Promise<void>;
  /** Waits up to `graceMs` for what is under way, which keeps its leases, aborts the rest and gives all leases back. */
  stop(graceMs: number): Promise<void>;
}

type TimerName = 'due' | 'renew' | 'scan';

const claimPageSize = 50;
const storageRetryMs = 1_000;
const undrivenRetry: RetryPolicy = { initialMs: storageRetryMs, maxMs: 60_000 };

/** Makes the scheduler of an engine. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { storage, catalog, driver, clock, logger, owner, leaseMs, maxConcurrent, retry } = options;
  const strays = createStrays({ storage, clock, logger, owner, leaseMs, retry });
  const active = new Map<HeldSaga, Promise<void>>();
  const faults = createFaultLog(logger, clock);
  // Begun while others took the room: at most as many as transactions were open at once.
  const ready: HeldSaga[] = [];
  // Held here without a slot, since the database does not even take that they wait.
  const later = new Map<HeldSaga, () => void>();
  const timers = new Map<TimerName, () => void>();
  let running = false;
  let nextDueMs = Number.POSITIVE_INFINITY;
  let pumping: Promise<void> | undefined;
  let renewing: Promise<void> | undefined;
  const looked = Promise.withResolvers<void>();

  const room = () => maxConcurrent - active.size - ready.length;
  const isIdle = () => room() > 0 && pumping === undefined && nextDueMs > clock.now();

  function launch(held: HeldSaga): void {
    if (!running) return;
    if (active.size < maxConcurrent) active.set(held, run(held));
    else ready.push(held);
  }

  async function run(held: HeldSaga): Promise<void> {
    const end = await drive(held);
    if (end.kind === 'due') nextDueMs = Math.min(nextDueMs, end.timeMs);
    else if (end.kind === 'again') launchLater(end.held, end.delayMs);
    active.delete(held);
    const next = ready.shift();
    if (next) launch(next);
    else pump();
    if (end.kind === 'over' && end.finished) options.onFinished();
  }

  async function drive(held: HeldSaga): Promise<DriveEnd> {
    try {
      return await driver.drive(held);
    } catch (error) {
      const { name, id } = held.saga;
      const fields = { err: error, saga: name, saga_id: id };
      faults.error(`undriven ${name}`, fields, 'a saga cannot be driven; it is tried again, fix what the error names');
      const failures = (held.failures ?? 0) + 1;
      return {
        kind: 'again',
        held: { ...held, failures },
        delayMs: retryDelayMs(undrivenRetry, failures, randomJitter()),
      };
    }
  }

  function launchLater(held: HeldSaga, delayMs: number): void {
    if (!running) return;
    const callOff = clock.after(delayMs, () => {
      later.delete(held);
      launch(held);
    });
    later.set(held, callOff);
  }

  /** Claims what is due while there is room, then sets the timer for what is due next. */
  function pump(): void {
    if (!running || pumping !== undefined) return;
    const waitMs = nextDueMs - clock.now();
    // Nothing waits that long: a clock was wrong when that was written, or is since.
    const isStray = waitMs > strays.farthestMs && waitMs < Number.POSITIVE_INFINITY;
    if (room() > 0 && (waitMs <= 0 || isStray)) pumping = claimAll(isStray);
    else setTimer('due', room() > 0 ? waitMs : Number.POSITIVE_INFINITY, pump);
  }

  async function claimAll(hasStray: boolean): Promise<void> {
    try {
      await strays.takeOver(hasStray);
      do {
        await claimPage();
        looked.resolve();
      } while (running && room() > 0 && nextDueMs <= clock.now());
    } catch (error) {
      logger.warn({ err: error }, 'sagas that are due cannot be read; trying again');
      nextDueMs = clock.now() + storageRetryMs;
    }
    looked.resolve();
    pumping = undefined;
    pump();
  }

  async function claimPage(): Promise<void> {
    const limit = Math.min(room(), claimPageSize);
    if (limit <= 0) return;
    const nowMs = clock.now();
    // Before the database is asked: what is noted meanwhile may be younger than its answer.
    nextDueMs = Number.POSITIVE_INFINITY;
    const sagas = await claimDue(storage, catalog.definitions, { owner, nowMs, leaseEndMs: nowMs + leaseMs, limit });
    for (const saga of sagas) launch({ saga });
    const dueMs =
      sagas.length === limit ? nowMs : ((await nextDueTime(storage, catalog.definitions)) ?? Number.POSITIVE_INFINITY);
    // What is due and was not claimed is locked: whoever holds it claims or changes it at this moment.
    const isLocked = sagas.length === 0 && dueMs <= nowMs;
    nextDueMs = Math.min(nextDueMs, isLocked ? clock.now() + storageRetryMs : dueMs);
    if (nextDueMs > clock.now()) options.onIdle();
  }

  function noteDue(timeMs: number): void {
    nextDueMs = Math.min(nextDueMs, timeMs);
    pump();
  }

  async function renew(): Promise<void> {
    const ids = [...active.keys(), ...ready, ...later.keys()].map(({ saga }) => saga.id);
    try {
      // First: a database that is slow to say the time must not cost the leases.
      if (ids.length > 0) await renewLeases(storage, owner, ids, clock.now() + leaseMs);
      await clock.adjust();
    } catch (error) {
      logger.warn({ err: error }, 'leases of sagas cannot be renewed; others may take them');
    }
    // Also while it stops: what is under way keeps its lease until it has ended.
    if (running || active.size > 0) setTimer('renew', leaseMs / 3, renewInTime);
  }

  function renewInTime(): void {
    renewing = renew();
  }

  function scanForExpired(): void {
    setTimer('scan', leaseMs / 2, scanForExpired);
    noteDue(clock.now());
  }

  async function giveLeasesBack(): Promise<void> {
    try {
      await releaseLeases(storage, 'own', owner, clock.now());
    } catch (error) {
      logger.warn({ err: error }, 'leases of sagas cannot be given back; others wait until they end');
    }
  }

  function setTimer(name: TimerName, delayMs: number, action: () => void): void {
    endTimer(name);
    if (delayMs < Number.POSITIVE_INFINITY) timers.set(name, clock.after(Math.max(0, delayMs), action));
  }

  function endTimer(name: TimerName): void {
    timers.get(name)?.();
    timers.delete(name);
  }

  /** Drops what is held here and is not under way: its lease ends by itself. */
  function dropUndriven(): void {
    for (const callOff of later.values()) callOff();
    later.clear();
    ready.length = 0;
  }

  return {
    hasRoom: () => running && isIdle(),
    isIdle,
    launch,
    noteDue,
    async start() {
      running = true;
      if (!storage.exclusive) {
        setTimer('renew', leaseMs / 3, renewInTime);
        setTimer('scan', leaseMs / 2, scanForExpired);
      }
      noteDue(clock.now());
      await looked.promise;
    },
    async stop(graceMs) {
      running = false;
      endTimer('due');
      endTimer('scan');
      dropUndriven();
      driver.drain();
      if (graceMs === 0) driver.abort();
      const callOff = clock.after(graceMs, driver.abort);
      await pumping;
      await Promise.all(active.values());
      endTimer('renew');
      await renewing;
      callOff();
      await giveLeasesBack();
    },
  };
}
