import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/postgres-server.ts';
import { describeWithServer } from '../../testing/servers.ts';
import type { Storage, Transaction } from '../storage.ts';
import { openPostgres } from './postgres.ts';

const counters = {
  name: '0001-init',
  sql: "CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL); INSERT INTO counter VALUES ('a', 0), ('b', 0)",
};
// A commit that takes as long as a test needs, once the counter is 3.
const slowCommit = {
  name: '0002-slow-commit',
  sql: `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.value = 3) EXECUTE FUNCTION wait()`,
};
// A commit that loses a race twice.
const lostCommits = {
  name: '0002-lost-commits',
  sql: `CREATE SEQUENCE tries;
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF nextval(''tries'') < 3 THEN RAISE serialization_failure; END IF; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        EXECUTE FUNCTION lose()`,
};
const waitsForALock =
  "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
const untilOneWaitsForALock = `DO $wait$ BEGIN
  WHILE NOT EXISTS (${waitsForALock}) LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $wait$`;
const inGroup = { commitGroup: 'hot' };
const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };

async function increment(tx: Transaction, name = 'a'): Promise<number> {
  const [row] = await tx.query('UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value', [name]);
  return Number(row?.value);
}

async function values(storage: Storage): Promise<unknown[]> {
  return (await storage.query('SELECT value FROM counter ORDER BY name')).map((row) => row.value);
}

/** The server's processes that sleep in a statement for a test. */
async function sleepers(storage: Storage): Promise<bigint[]> {
  const sql =
    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database() AND pid <> pg_backend_pid()";
  return (await storage.query<{ pid: bigint }>(sql)).map((row) => row.pid);
}

async function oneWaitsForALock(storage: Storage): Promise<void> {
  await eventually(async () => expect(await storage.query(waitsForALock)).toHaveLength(1));
}

async function terminateSleeper(storage: Storage): Promise<void> {
  await eventually(async () => expect(await sleepers(storage)).toHaveLength(1));
  await storage.query('SELECT pg_terminate_backend($1)', await sleepers(storage));
}

describeWithServer(postgres, 'lanes on PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let storage: Storage;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = server.url(randomUUID());
    storage = await open();
    await storage.migrate('test', [counters]);
  });

  async function open(database = url): Promise<Storage> {
    const opened = await openPostgres(database);
    onTestFinished(() => opened.close());
    return opened;
  }

  /** Increments a counter outside of lanes in a transaction that stays open until the function is called. */
  async function lock(name: string, by = storage): Promise<() => Promise<void>> {
    const [locked, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const locking = by.transaction(async (tx) => {
      await increment(tx, name);
      locked.resolve();
      await end.promise;
    });
    await locked.promise;
    return () => {
      end.resolve();
      return locking;
    };
  }

  /** Runs `works` in one lane; those that come in one turn share their commit. */
  function runTogether<T>(
    works: readonly ((tx: Transaction) => Promise<T>)[],
    signals: (AbortSignal | undefined)[] = [],
  ) {
    return works.map((work, index) => {
      const signal = signals[index];
      return storage.transaction(work, signal === undefined ? inGroup : { ...inGroup, signal });
    });
  }

  it('shares commits among those that wait, 64 at most', async () => {
    const current = async (tx: Transaction) => (await tx.query('SELECT pg_current_xact_id()::text AS id'))[0]?.id;
    const ids = await Promise.all(runTogether(Array.from({ length: 130 }, () => current)));
    const sizes = [...new Set(ids)].map((id) => ids.filter((other) => other === id).length);
    expect(sizes).toEqual([64, 64, 2]);
  });

  it('sets no savepoint for one that is alone', async () => {
    // A row written behind a savepoint has an id of its own.
    const isPlain = async (tx: Transaction) => {
      await increment(tx);
      const [row] = await tx.query(
        "SELECT xmin::text = pg_current_xact_id()::text AS plain FROM counter WHERE name = 'a'",
      );
      return row?.plain;
    };
    expect(await storage.transaction(isPlain, inGroup)).toBe(1n);
    expect(await Promise.all(runTogether([isPlain, isPlain]))).toEqual([0n, 0n]);
  });

  it('runs two lanes side by side: one that is held up does not hold up the other', async () => {
    const unlock = await lock('a');
    const heldUp = runTogether([increment, increment]);
    await oneWaitsForALock(storage);
    for (let count = 1; count <= 3; count += 1) {
      expect(await storage.transaction((tx) => increment(tx, 'b'), { commitGroup: 'other' })).toBe(count);
    }
    await unlock();
    expect(await Promise.all(heldUp)).toEqual([2, 3]);
  });

  it('cancels the statement of one whose signal is aborted, undoes that one alone, and shares no more with it', async () => {
    const caller = new AbortController();
    const reason = new Error('too late');
    const runs: unknown[] = [];
    const work = async (tx: Transaction) => {
      await increment(tx);
      runs.push((await tx.query('SELECT pg_current_xact_id()::text AS id'))[0]?.id);
      if (runs.length === 2) await tx.query('SELECT pg_sleep(60)');
    };
    const outcomes = Promise.allSettled(runTogether([work, work, work], [undefined, caller.signal]));
    await eventually(async () => expect(await sleepers(storage)).toHaveLength(1));
    caller.abort(reason);
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason },
      { status: 'fulfilled', value: undefined },
    ]);
    expect(runs).toEqual([runs[0], runs[0], expect.not.stringMatching(`^${runs[0]}$`)]);
    expect(await values(storage)).toEqual([2n, 0n]);
  });

  it('runs the others again, without doubling them, when a statement cannot be cancelled but with its connection', async () => {
    const [maintenance, bystander] = [await open(server.url('postgres')), await open()];
    const allow = (connections: boolean) =>
      maintenance.execute(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" ALLOW_CONNECTIONS ${connections}`);
    // Connections that are there when no more can be opened.
    await Promise.all([storage, storage, bystander, bystander].map(values));
    const unlock = await lock('b', bystander);
    const caller = new AbortController();
    const blocked = (tx: Transaction) => increment(tx, 'b');
    const outcomes = runTogether([increment, blocked, increment], [undefined, caller.signal]);
    const settled = Promise.allSettled(outcomes);
    await oneWaitsForALock(bystander);
    await allow(false);
    caller.abort(new Error('too late'));
    await expect(outcomes[1]).rejects.toThrow('too late');
    await unlock();
    expect((await settled).map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await values(bystander)).toEqual([2n, 1n]);
    await allow(true);
  });

  it.each([
    ['the lane', ['a', 'b', 'b', 'b, too', 'outside']],
    ['the other', ['a', 'b', 'b, too', 'outside', 'outside']],
  ])('ends a deadlock with a transaction outside of the lane when %s loses', async (loser, expectedRuns) => {
    const [outsideHasB, laneHasA] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const runs: string[] = [];
    const outside = storage.transaction(async (tx) => {
      runs.push('outside');
      await increment(tx, 'b');
      outsideHasB.resolve();
      await laneHasA.promise;
      // Who waits first finds the deadlock, and loses.
      if (loser === 'the lane') await tx.execute(untilOneWaitsForALock);
      await increment(tx, 'a');
    });
    await outsideHasB.promise;
    const take = (run: string) => async (tx: Transaction) => {
      runs.push(run);
      if (run === 'b') laneHasA.resolve();
      if (run === 'b' && loser === 'the other') await tx.execute(untilOneWaitsForALock);
      await increment(tx, run.slice(0, 1));
    };
    await Promise.all([outside, ...runTogether([take('a'), take('b'), take('b, too')])]);
    expect(await values(storage)).toEqual([2n, 3n]);
    expect(runs.toSorted()).toEqual(expectedRuns);
  });

  it('gives up on one that keeps losing alone; the others run once', async () => {
    let [runs, runsOfLoser] = [0, 0];
    const winner = async (tx: Transaction) => {
      runs += 1;
      return increment(tx);
    };
    const loser = async (tx: Transaction) => {
      runsOfLoser += 1;
      await tx.query("DO 'BEGIN RAISE serialization_failure; END'");
      return 0;
    };
    const outcomes = await Promise.allSettled(runTogether([winner, winner, loser, winner]));
    expect(outcomes).toMatchObject([
      { value: 1 },
      { value: 2 },
      { reason: { reason: 'STORAGE_CONTENTION' } },
      { value: 3 },
    ]);
    expect([runs, runsOfLoser]).toEqual([3, 6]);
  });

  it.each([1, 3])('runs all again when their commit lost a race: %i of them', async (count) => {
    await storage.migrate('test', [lostCommits]);
    const results = await Promise.all(runTogether(Array.from({ length: count }, () => increment)));
    expect(results.toSorted()).toEqual([1, 2, 3].slice(0, count));
  });

  it('fails those that ran when the connection is lost; those behind them run on another', async () => {
    const sleep = async (tx: Transaction) => Number((await tx.query('SELECT pg_sleep(60)')).length);
    const refuse = async (tx: Transaction) => {
      await increment(tx);
      throw new Error('refused');
    };
    const outcomes = Promise.allSettled(runTogether([increment, refuse, sleep, increment]));
    await terminateSleeper(storage);
    expect(await outcomes).toMatchObject([
      { reason: unavailable },
      { reason: { message: 'refused' } },
      { reason: unavailable },
      { value: 1 },
    ]);
    expect(await storage.transaction(increment, inGroup)).toBe(2);
  });

  it('answers all that the outcome is unknown when the connection is lost during their commit, and goes on', async () => {
    await storage.migrate('test', [slowCommit]);
    const outcomes = Promise.allSettled(runTogether(Array.from({ length: 3 }, () => increment)));
    await terminateSleeper(storage);
    const unknown = { reason: { code: 14, reason: 'STORAGE_OUTCOME_UNKNOWN' } };
    expect(await outcomes).toMatchObject([unknown, unknown, unknown]);
    expect(await storage.transaction(increment, inGroup)).toBe(1);
  });

  it('fails all that wait when the server cannot be reached, and works again after its restart', async () => {
    await server.killImmediate();
    const outcomes = await Promise.allSettled(runTogether(Array.from({ length: 200 }, () => increment)));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: unavailable });
    await server.restart();
    await storage.check();
    expect(await storage.transaction(increment, inGroup)).toBe(1);
  });

  it('fails all that wait when no connection becomes free in time', async () => {
    const small = await openPostgres(url, { poolSize: 1, connectTimeoutMs: 200 });
    onTestFinished(() => small.close());
    const held = Promise.withResolvers<void>();
    const holding = small.transaction(() => held.promise);
    const waiting = Array.from({ length: 200 }, () => small.transaction(increment, inGroup));
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ reason: unavailable });
    held.resolve();
    await holding;
    expect(await small.transaction(increment, inGroup)).toBe(1);
  });

  it('lets one leave whose signal is aborted while others of its lane are running', async () => {
    const unlock = await lock('a');
    const caller = new AbortController();
    const running = storage.transaction(increment, inGroup);
    await oneWaitsForALock(storage);
    const [leaving, behind] = runTogether([increment, increment], [caller.signal]);
    caller.abort(new Error('too late'));
    await expect(leaving).rejects.toThrow('too late');
    await unlock();
    expect(await Promise.all([running, behind])).toEqual([2, 3]);
  });
});
