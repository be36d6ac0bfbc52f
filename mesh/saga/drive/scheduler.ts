import type { Storage } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from '../decide/retry-delay.ts';
import type { Definitions } from '../definitions.ts';
import type { DatabaseClock } from '../store/database-clock.ts';
import { claimDue, nextDueTime } from '../store/leases.ts';
import type { DriveEnd, Driver, HeldSaga } from './driver.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { createMisdatedCheck } from './misdated.ts';
import { createFaultLog } from './progress-log.ts';

export interface SchedulerOptions {
  readonly storage: Storage;
  readonly definitions: Definitions;
  readonly driver: Driver;
  readonly clock: DatabaseClock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly maxConcurrent: number;
  readonly retry: RetryPolicy;
  /** Called when a saga has ended or needs attention. */
  readonly onFinished: () => void;
  /** Called when every due saga is driven and a slot is still free. */
  readonly onIdle: () => void;
}

/** Chooses which sagas are driven now: the oldest of those that are due. The others wait in the database. */
export interface Scheduler {
  /** Whether a saga that begins now can be driven immediately: there is room, and no other saga waits for it. */
  hasRoom(): boolean;
  /** Whether a slot is free and no due saga waits for it. */
  isIdle(): boolean;
  /** Drives a saga whose lease is held here, now or when there is room. */
  launch(held: HeldSaga): void;
  /** Notes that a saga in the database is due at `timeMs`. */
  noteDue(timeMs: number): void;
  /** Resolves when the oldest due sagas have been read, so a saga that begins afterwards knows whether others wait. */
  start(): Promise<void>;
  /**
   * Waits up to `graceMs` for steps in progress, whose leases are kept, aborts the rest and releases all leases. If the database
   * does not answer within another second, the leases expire instead.
   */
  stop(graceMs: number): Promise<void>;
}

type TimerName = 'due' | 'scan';

const claimPageSize = 50;
const storageRetryMs = 1_000;
// How long a stop waits for the database after the grace.
const releaseTimeoutMs = 1_000;
const undrivenRetry: RetryPolicy = { initialMs: storageRetryMs, maxMs: 60_000 };

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { storage, definitions, driver, clock, logger, owner, leaseMs, maxConcurrent, retry } = options;
  const misdated = createMisdatedCheck({ storage, clock, logger, owner, leaseMs, retry });
  const active = new Map<HeldSaga, Promise<void>>();
  const faults = createFaultLog(logger, clock);
  // Begun while others took the room: at most as many as there were open transactions.
  const ready: HeldSaga[] = [];
  // Held here without a slot, since the database does not even store that they wait.
  const later = new Map<HeldSaga, () => void>();
  const timers = new Map<TimerName, () => void>();
  let running = false;
  let nextDueMs = Number.POSITIVE_INFINITY;
  let pumping: Promise<void> | undefined;
  const firstRead = Promise.withResolvers<void>();
  const leases = createLeaseKeeper({
    ...{ storage, clock, logger, owner, leaseMs },
    held() {
      // Also while it stops: a step in progress keeps its lease until it has ended.
      if (!running && active.size === 0) return undefined;
      return [...active.keys(), ...ready, ...later.keys()].map(({ saga }) => saga.id);
    },
  });

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
      faults.error(`undriven ${name}`, fields, 'saga cannot be driven; retrying, fix the cause that the error names');
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
    const cancelTimer = clock.after(delayMs, () => {
      later.delete(held);
      launch(held);
    });
    later.set(held, cancelTimer);
  }

  /** Claims due sagas while there is room, then sets the timer for the next one. */
  function pump(): void {
    if (!running || pumping !== undefined) return;
    const waitMs = nextDueMs - clock.now();
    // Nothing waits that long: a clock was wrong when that was written, or is wrong now.
    const isMisdated = waitMs > misdated.farthestMs && waitMs < Number.POSITIVE_INFINITY;
    if (room() > 0 && (waitMs <= 0 || isMisdated)) pumping = claimAll(isMisdated);
    else setTimer('due', room() > 0 ? waitMs : Number.POSITIVE_INFINITY, pump);
  }

  async function claimAll(hasMisdated: boolean): Promise<void> {
    try {
      await misdated.run(hasMisdated);
      do {
        await claimPage();
        firstRead.resolve();
      } while (running && room() > 0 && nextDueMs <= clock.now());
    } catch (error) {
      logFailedAttempt({ logger, clock, level: 'warn' }, { err: error }, 'due sagas cannot be read; retrying');
      nextDueMs = clock.now() + storageRetryMs;
    }
    firstRead.resolve();
    pumping = undefined;
    pump();
  }

  async function claimPage(): Promise<void> {
    const limit = Math.min(room(), claimPageSize);
    if (limit <= 0) return;
    const nowMs = clock.now();
    // Before the query: what is noted meanwhile may be newer than its result.
    nextDueMs = Number.POSITIVE_INFINITY;
    const sagas = await claimDue(storage, definitions.all, { owner, nowMs, leaseEndMs: nowMs + leaseMs, limit });
    for (const saga of sagas) launch({ saga });
    const dueMs =
      sagas.length === limit ? nowMs : ((await nextDueTime(storage, definitions.all)) ?? Number.POSITIVE_INFINITY);
    // What is due and was not claimed is locked: another process is claiming or changing it.
    const isLocked = sagas.length === 0 && dueMs <= nowMs;
    nextDueMs = Math.min(nextDueMs, isLocked ? clock.now() + storageRetryMs : dueMs);
    if (nextDueMs > clock.now()) options.onIdle();
  }

  function noteDue(timeMs: number): void {
    nextDueMs = Math.min(nextDueMs, timeMs);
    pump();
  }

  function scanForExpired(): void {
    setTimer('scan', leaseMs / 2, scanForExpired);
    noteDue(clock.now());
  }

  function setTimer(name: TimerName, delayMs: number, action: () => void): void {
    endTimer(name);
    if (delayMs < Number.POSITIVE_INFINITY) timers.set(name, clock.after(Math.max(0, delayMs), action));
  }

  function endTimer(name: TimerName): void {
    timers.get(name)?.();
    timers.delete(name);
  }

  /** Resolves when steps in progress have ended, nothing waits for the database, and the leases are released. */
  async function finish(): Promise<void> {
    await pumping;
    await Promise.all(active.values());
    await leases.stop();
    await leases.release();
  }

  /** Drops what is held here and not driven: its lease expires. */
  function dropUndriven(): void {
    for (const cancelTimer of later.values()) cancelTimer();
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
        leases.start();
        setTimer('scan', leaseMs / 2, scanForExpired);
      }
      noteDue(clock.now());
      await firstRead.promise;
    },
    async stop(graceMs) {
      running = false;
      endTimer('due');
      endTimer('scan');
      dropUndriven();
      driver.drain();
      if (graceMs === 0) driver.abort();
      const cancelAbort = clock.after(graceMs, driver.abort);
      const end = await endOrGrace(finish(), graceMs + releaseTimeoutMs, clock);
      void leases.stop();
      cancelAbort();
      if (end === 'late')
        logger.warn(
          { sagas: active.size },
          'saga engine stopped while its database did not answer; other processes wait until its leases expire',
        );
    },
  };
}
