import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../storage/open.ts';
import { nowSql } from '../storage/sql.ts';
import type { Storage } from '../storage/storage.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { eventually } from '../testing/eventually.ts';
import { systemClock as clock } from '../time/clock.ts';
import { createJob, type Job, type JobOptions } from './job.ts';

describe('a job of several instances', () => {
  describeOnEachDatabase((newUrl) => {
    let url: string;
    let storage: Storage;
    let log: CapturedLog;
    let running: number;
    let maxRunning: number;
    let runs: string[];

    beforeEach(async () => {
      url = newUrl();
      storage = await openStorage(url);
      onTestFinished(() => storage.close());
      log = captureLog();
      [running, maxRunning, runs] = [0, 0, []];
    });

    /** An instance of the service. On SQLite it is the only one that has the file, so all share it. */
    async function instance(
      name: string,
      work: (signal: AbortSignal) => Promise<void> = async () => undefined,
      options: Partial<JobOptions> = {},
    ): Promise<Job> {
      const own = storage.dialect === 'sqlite' ? storage : await openStorage(url);
      const parts = { storage: own, name: 'audit', everyMs: 200, leaseMs: 300, clock, logger: log.logger, ...options };
      const job = await createJob(parts, async (signal) => {
        runs.push(name);
        running += 1;
        maxRunning = Math.max(maxRunning, running);
        try {
          await work(signal);
        } finally {
          running -= 1;
        }
      });
      onTestFinished(async () => {
        await job.stop(1_000);
        if (own !== storage) await own.close();
      });
      return job;
    }

    const untilAborted = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    const hold = (holder: string, forMs: number) =>
      storage.execute(`UPDATE lease SET holder = $1, until_ms = ${nowSql(storage)} + $2`, [holder, forMs]);
    const ended = () => log.lines.filter(({ msg }) => msg === 'job failed; it runs again at its next time');

    it('runs on one of them at a time, once in each interval, and all know its last run', async () => {
      const startMs = clock.elapsedMs();
      const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
      // Longer than a pause of a busy machine, in which the one that runs would lose its lease.
      const leaseMs = 2_000;
      const jobs = await Promise.all(['a', 'b', 'c'].map((name) => instance(name, pause, { leaseMs })));
      for (const job of jobs) await job.start();
      await eventually(() => expect(runs.length).toBeGreaterThanOrEqual(4));
      expect(runs.length).toBeLessThanOrEqual((clock.elapsedMs() - startMs) / 250 + 1);
      expect(maxRunning).toBe(1);
      await jobs[0]?.record('clean');
      const lasts = await Promise.all(jobs.map((job) => job.last()));
      expect(lasts[0]).toMatchObject({ note: 'clean' });
      for (const last of lasts) expect(last?.note).toBe('clean');
    });

    it('waits for its interval after a restart, and for a run on demand', async () => {
      const first = await instance('first', undefined, { everyMs: 60_000 });
      expect(await first.last()).toBeUndefined();
      await first.start();
      await first.stop(1_000);
      await storage.execute('UPDATE lease SET last_end_ms = last_end_ms - 60000');
      await first.record('on demand');
      // Its first look comes after 0.3 s at most.
      const second = await instance('second', undefined, { everyMs: 300 });
      await second.start();
      await eventually(async () => expect(runs).toEqual(['second']));
      expect(await second.last()).toMatchObject({ note: 'on demand' });
    });

    it('moves to another instance when the lease of a dead one has expired', async () => {
      const job = await instance('other');
      await hold('dead', 250);
      await job.start();
      await eventually(() => expect(runs).toContain('other'));
      const [row] = await storage.query<{ left_ms: bigint }>(
        `SELECT last_end_ms - ${nowSql(storage)} AS left_ms FROM lease`,
      );
      expect(Number(row?.left_ms)).toBeLessThanOrEqual(0);
    });

    it('takes a lease that was written while the clock of the database was ahead', async () => {
      const job = await instance('other');
      await hold('ahead', 3_600_000);
      await storage.execute('UPDATE lease SET last_end_ms = last_end_ms + 7200000');
      await job.start();
      await eventually(() => expect(runs).toContain('other'));
    });

    it('aborts when its lease is lost, and is not recorded', async () => {
      const job = await instance('loser', untilAborted, { leaseMs: 1_500 });
      await job.start();
      await eventually(() => expect(running).toBe(1));
      // It learns that within 500 ms, and does not run again for a second then.
      await hold('winner', 1_500);
      await eventually(() => expect(running).toBe(0));
      const texts = log.lines.map(({ msg }) => msg);
      expect(texts).toContain('job lost its lease and ends here; another process may run it');
      expect(await job.last()).toBeUndefined();
    });

    it('aborts when its lease expires, even if the database does not answer', async () => {
      const leaseMs = 300;
      const silent = new Proxy(storage, {
        get(target, property) {
          if (property === 'execute' && running > 0) return () => new Promise(() => undefined);
          const value: unknown = Reflect.get(target, property);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      let abortedMs = 0;
      const work = async (signal: AbortSignal) => {
        const startMs = clock.elapsedMs();
        await untilAborted(signal).catch(() => undefined);
        abortedMs = clock.elapsedMs() - startMs;
      };
      const job = await instance('parted', work, { storage: silent, leaseMs });
      await job.start();
      await eventually(() => expect(abortedMs).toBeGreaterThan(0));
      expect(abortedMs).toBeLessThan(10 * leaseMs);
      expect(log.lines.map(({ msg }) => msg)).toContain('job lost its lease and ends here; another process may run it');
    });

    it('ends when its instance stops, and another one runs it then', async () => {
      const stopped = await instance('stopped', untilAborted, { leaseMs: 60_000 });
      await stopped.start();
      await eventually(() => expect(running).toBe(1));
      await stopped.stop(1_000);
      expect(running).toBe(0);
      const other = await instance('other', undefined, { leaseMs: 60_000 });
      await other.start();
      await eventually(() => expect(runs).toContain('other'));
      expect(log.lines).toEqual([]);
    });

    it('runs again in an interval after it has failed', async () => {
      const job = await instance('a', () => Promise.reject(new Error('disk')));
      await job.start();
      await eventually(() => expect(runs.length).toBeGreaterThanOrEqual(2));
      expect(ended()[0]).toMatchObject({ level: 'error', job: 'audit' });
      expect(await job.last()).toBeUndefined();
    });

    it('never runs if its interval is 0', async () => {
      const job = await instance('a', undefined, { everyMs: 0 });
      await job.start();
      await job.stop(1_000);
      expect(runs).toEqual([]);
    });
  });
});
