import type { Storage } from '../storage/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Catalog } from './catalog.ts';
import type { Driver, HeldSaga } from './driver.ts';
import { claimDue, nextDueTime, releaseLeases, renewLeases } from './saga-table.ts';

export interface SchedulerOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly maxConcurrent: number;
}

/** Decides which sagas are driven now. What does not fit waits in the database. */
export interface Scheduler {
  /** Whether a saga that begins now can be driven at once. */
  hasRoom(): boolean;
  /** Drives a saga whose lease is held here, now or when others have made room. */
  launch(held: HeldSaga): void;
  /** Tells of a saga in the database that waits until `timeMs`. */
  noteDue(timeMs: number): void;
  start(): void;
  /** Waits for what is under way up to `graceMs`, aborts the rest and gives all leases back. */
  stop(graceMs: number): Promise<void>;
}

const claimPageSize = 50;
const storageRetryMs = 1_000;

/** Makes the scheduler of an engine. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { storage, catalog, driver, clock, logger, owner, leaseMs, maxConcurrent } = options;
  const active = new Map<HeldSaga, Promise<void>>();
  // Begun while others took the room: at most as many as transactions were open at once.
  const ready: HeldSaga[] = [];
  const timers = new Map<string, () => void>();
  let running = false;
  let nextDueMs = Number.POSITIVE_INFINITY;
  let pumping: Promise<void> | undefined;

  const room = () => maxConcurrent - active.size - ready.length;

  function launch(held: HeldSaga): void {
    if (!running) return;
    if (active.size < maxConcurrent) active.set(held, run(held));
    else ready.push(held);
  }

  async function run(held: HeldSaga): Promise<void> {
    try {
      const dueMs = await driver.drive(held);
      if (dueMs !== undefined) nextDueMs = Math.min(nextDueMs, dueMs);
    } catch (error) {
      logger.error({ err: error, saga_id: held.saga.id }, 'a saga cannot be driven');
    }
    active.delete(held);
    const next = ready.shift();
    if (next) launch(next);
    else pump();
  }

  /** Claims what is due while there is room, then sets the timer for what is due next. */
  function pump(): void {
    if (!running || pumping !== undefined) return;
    if (room() > 0 && nextDueMs <= clock.now()) pumping = claimAll();
    else setTimer('due', room() > 0 ? nextDueMs - clock.now() : Number.POSITIVE_INFINITY, pump);
  }

  async function claimAll(): Promise<void> {
    try {
      while (running && room() > 0 && nextDueMs <= clock.now()) await claimPage();
    } catch (error) {
      logger.warn({ err: error }, 'sagas that are due cannot be read; trying again');
      nextDueMs = clock.now() + storageRetryMs;
    }
    pumping = undefined;
    pump();
  }

  async function claimPage(): Promise<void> {
    const limit = Math.min(room(), claimPageSize);
    const nowMs = clock.now();
    // Before the database is asked: what is noted meanwhile may be younger than its answer.
    nextDueMs = Number.POSITIVE_INFINITY;
    const sagas = await claimDue(storage, catalog.definitions, { owner, nowMs, leaseEndMs: nowMs + leaseMs, limit });
    for (const saga of sagas) launch({ saga });
    const dueMs = sagas.length === limit ? nowMs : await nextDueTime(storage, catalog.definitions);
    nextDueMs = Math.min(nextDueMs, dueMs ?? Number.POSITIVE_INFINITY);
  }

  function noteDue(timeMs: number): void {
    nextDueMs = Math.min(nextDueMs, timeMs);
    pump();
  }

  async function renew(): Promise<void> {
    const ids = [...active.keys(), ...ready].map(({ saga }) => saga.id);
    try {
      if (ids.length > 0) await renewLeases(storage, owner, ids, clock.now() + leaseMs);
    } catch (error) {
      logger.warn({ err: error }, 'leases of sagas cannot be renewed; others may take them');
    }
    if (running) setTimer('renew', leaseMs / 3, () => void renew());
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

  function setTimer(name: 'due' | 'renew' | 'scan', delayMs: number, action: () => void): void {
    timers.get(name)?.();
    timers.delete(name);
    if (delayMs < Number.POSITIVE_INFINITY) timers.set(name, clock.after(Math.max(0, delayMs), action));
  }

  return {
    hasRoom: () => running && room() > 0,
    launch,
    noteDue,
    start() {
      running = true;
      if (!storage.exclusive) {
        setTimer('renew', leaseMs / 3, () => void renew());
        setTimer('scan', leaseMs / 2, scanForExpired);
      }
      noteDue(clock.now());
    },
    async stop(graceMs) {
      running = false;
      for (const callOff of timers.values()) callOff();
      driver.drain();
      if (graceMs === 0) driver.abort();
      const callOff = clock.after(graceMs, driver.abort);
      await pumping;
      await Promise.all(active.values());
      callOff();
      await giveLeasesBack();
    },
  };
}
