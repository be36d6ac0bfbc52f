import { nowSql } from '../storage/sql.ts';
import type { Queryable, Storage } from '../storage/storage.ts';
import { logFailedAttempt } from '../telemetry/log-failed-attempt.ts';
import type { Logger } from '../telemetry/logger.ts';
import { backoff } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { endOrGrace } from '../time/end-or-grace.ts';
import { sleep } from '../time/sleep.ts';
import { within } from '../time/within.ts';
import { createLease, defaultLeaseMs, type Lease, prepareLease } from './lease.ts';

export interface JobOptions {
  readonly storage: Storage;
  /** Unique in its database. */
  readonly name: string;
  /** How long after the end of a run, on any instance, the next one begins; 0: it never runs. */
  readonly everyMs: number;
  /** How long after the death of its instance another one may run it. Default: 10 s. */
  readonly leaseMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A run of a job that was recorded. */
export interface JobRun {
  /** By the clock of the database. */
  readonly endMs: number;
  readonly note: string;
}

/** Work that all instances of a service do together, once in a while. */
export interface Job {
  start(): Promise<void>;
  /** Aborts a run in progress and waits for its end, at most `graceMs`. Another instance may run the job then. */
  stop(graceMs: number): Promise<void>;
  /** Records a run, of this job or on demand, with what to keep of it. The next one begins `everyMs` later. */
  record(note: string): Promise<void>;
  /** Returns the last run that was recorded, on any instance. */
  last(): Promise<JobRun | undefined>;
}

interface JobRow {
  readonly held_ms: bigint;
  readonly due_in_ms: bigint;
  readonly [column: string]: bigint;
}

/** The longest wait between two looks at whether the job is due, since other instances may have run it or died. */
const maxWaitMs = 60_000;
const failureDelayMs = backoff({ firstMs: 1_000, maxMs: maxWaitMs });

/**
 * Creates a job. `work` runs on one instance at a time, when `everyMs` have passed since the end of its last run; its signal
 * aborts when the job stops or its lease is lost. If its instance dies, another one starts over once the lease has expired. A
 * run that fails is logged, and counts as one.
 */
export async function createJob(options: JobOptions, work: (signal: AbortSignal) => Promise<void>): Promise<Job> {
  const { storage, name, everyMs, leaseMs = defaultLeaseMs, clock, logger } = options;
  await prepareLease(storage, name);
  const lease = createLease(storage, name, { leaseMs });
  const now = nowSql(storage);
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const state = async (db: Queryable): Promise<{ readonly heldMs: number; readonly dueInMs: number }> => {
    const [row] = await db.query<JobRow>(
      `SELECT until_ms - ${now} AS held_ms, last_end_ms + $2 - ${now} AS due_in_ms FROM lease WHERE name = $1`,
      [name, everyMs],
    );
    if (!row) throw new Error(`lease ${name} has no row: restore the table lease`);
    // A last run in the future was recorded while the clock was ahead.
    return { heldMs: Number(row.held_ms), dueInMs: row.due_in_ms > BigInt(everyMs) ? 0 : Number(row.due_in_ms) };
  };

  /** Takes the lease if the job is due. Otherwise returns after how long to look again. */
  async function claim(): Promise<{ readonly waitMs: number } | undefined> {
    const { dueInMs, heldMs } = await state(storage);
    if (dueInMs > 0) return { waitMs: dueInMs };
    return await storage.transaction(async (tx) => {
      if (!(await lease.take(tx))) return { waitMs: Math.min(Math.max(heldMs, leaseMs / 10), leaseMs) };
      // Another instance may have run it since.
      const { dueInMs: stillMs } = await state(tx);
      if (stillMs <= 0) return undefined;
      await lease.release(tx);
      return { waitMs: stillMs };
    });
  }

  async function runOnce(takenMs: number): Promise<void> {
    const held = holdLease(lease, options, leaseMs, takenMs);
    const signal = AbortSignal.any([stopping.signal, held.lost]);
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) logger.error({ err: error, job: name }, 'job failed; it runs again at its next time');
    } finally {
      await held.end();
    }
    await storage.transaction(async (tx) => {
      if (!signal.aborted) await tx.execute(`UPDATE lease SET last_end_ms = ${now} WHERE name = $1`, [name]);
      await lease.release(tx);
    });
  }

  async function loop(): Promise<void> {
    // Instances, and the jobs of an instance, do not begin together.
    await sleep(clock, Math.min(everyMs, maxWaitMs) * (0.2 + 0.8 * Math.random()), stopping.signal);
    let failures = 0;
    while (!stopping.signal.aborted) {
      let waitMs = 0;
      try {
        const askedMs = clock.elapsedMs();
        const free = await claim();
        if (free) waitMs = free.waitMs;
        else await runOnce(askedMs);
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        waitMs = failureDelayMs(failures);
        logFailedAttempt({ logger, clock, failures }, { err: error, job: name }, 'job could not run; retrying');
      }
      await sleep(clock, Math.min(waitMs, maxWaitMs) * (1 + 0.2 * Math.random()), stopping.signal);
    }
  }

  return {
    async start() {
      if (everyMs > 0) running = loop();
    },
    async stop(graceMs) {
      stopping.abort(new Error(`job ${name} stops`));
      await endOrGrace(running, graceMs, clock);
    },
    async record(note) {
      await storage.execute(`UPDATE lease SET last_end_ms = ${now}, note = $2 WHERE name = $1`, [name, note]);
    },
    async last() {
      const sql = 'SELECT last_end_ms, note FROM lease WHERE name = $1';
      const [row] = await storage.query<{ last_end_ms: bigint; note: string }>(sql, [name]);
      return row && row.note !== '' ? { endMs: Number(row.last_end_ms), note: row.note } : undefined;
    },
  };
}

/** Renews a lease that was taken after `takenMs`, until `end`. `lost` aborts once another may hold it. */
function holdLease(lease: Lease, { storage, name, clock, logger }: JobOptions, leaseMs: number, takenMs: number) {
  const lost = new AbortController();
  const ended = new AbortController();
  const renew = async () => {
    let renewedMs = takenMs;
    const leftMs = () => Math.max(renewedMs + leaseMs - clock.elapsedMs(), 0);
    while (!ended.signal.aborted) {
      await sleep(clock, Math.min(leaseMs / 3, leftMs()), ended.signal);
      if (ended.signal.aborted) return;
      const askedMs = clock.elapsedMs();
      // A database that does not answer must not delay the end of the job.
      let failure: unknown;
      const isHeld = await within(lease.renew(storage), leftMs(), clock).catch((error) => {
        failure = error;
      });
      if (isHeld) renewedMs = askedMs;
      if (isHeld === false || clock.elapsedMs() - renewedMs >= leaseMs) {
        logger.warn({ job: name, err: failure }, 'job lost its lease and ends here; another process may run it');
        return lost.abort(new Error(`job ${name} lost its lease`));
      }
    }
  };
  const renewing = renew();
  return {
    lost: lost.signal,
    async end() {
      ended.abort();
      await renewing;
    },
  };
}
