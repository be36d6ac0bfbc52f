import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import {
  type PgBouncer,
  pgbouncer,
  pgbouncerPrepares,
  preparingVersion,
  startPgBouncer,
} from '../../testing/servers/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer, describeWithVersion } from '../../testing/servers/servers.ts';
import type { Storage } from '../storage.ts';
import { directUrls } from '../suite/fixture.ts';
import { storageSuite } from '../suite/storage.suite.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';
import { accounts, balances, credit, deferSlowly, sleepers, slowCommit } from './testing/accounts.ts';

/** Describes what works through a pooler. */
function poolerSuite(maxPreparedStatements: number | undefined): void {
  let server: PostgresServer;
  let pooler: PgBouncer;
  beforeAll(async () => {
    // The pooler keeps connections to each database of the suite.
    server = await startPostgres({ settings: ['max_connections=600'] });
    pooler = await startPgBouncer(server, maxPreparedStatements === undefined ? {} : { maxPreparedStatements });
  });
  afterAll(async () => {
    await pooler.stop();
    await server.stop();
  });

  async function open(options: PostgresOptions = {}, url = pooler.url(randomUUID())): Promise<Storage> {
    const storage = await openPostgres(url, options);
    onTestFinished(() => storage.close());
    await storage.migrate('test', [accounts]);
    return storage;
  }

  describe('everything that a storage promises', () => {
    storageSuite((suffix = '') => {
      const name = `${randomUUID()}${suffix}`;
      directUrls.set(pooler.url(name), server.url(name));
      return pooler.url(name);
    });
  });

  it('runs the statement that was asked for, with more callers than connections to the server', async () => {
    const storages = await Promise.all([open(), open()]);
    const ask = async (storage: Storage, index: number) => {
      const sql = `SELECT ${index % 50} AS answer, CAST($1 AS BIGINT) AS given`;
      return (await storage.query(sql, [index]))[0];
    };
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => ask(storages[index % 2] as Storage, index)),
    );
    expect(answers).toEqual(
      Array.from({ length: 1_000 }, (_, index) => ({ answer: BigInt(index % 50), given: BigInt(index) })),
    );
  });

  it('commits durably and limits idle transactions, even if the database is configured otherwise', async () => {
    const storage = await open();
    const [row] = await storage.query('SELECT current_database() AS name');
    await storage.execute(`ALTER DATABASE "${row?.name}" SET synchronous_commit = off`);
    await storage.execute(`ALTER DATABASE "${row?.name}" SET default_transaction_isolation = serializable`);
    const reopened = await open({}, pooler.url(String(row?.name)));
    const settings = await reopened.transaction((tx) =>
      tx.query(
        `SELECT current_setting('synchronous_commit') AS durable, current_setting('transaction_isolation') AS isolation,
           current_setting('idle_in_transaction_session_timeout') AS idle`,
      ),
    );
    expect(settings).toEqual([{ durable: 'on', isolation: 'read committed', idle: '10s' }]);
  });

  it('leaves no setting on the connections that it shares with others', async () => {
    const storage = await open();
    await Promise.all(Array.from({ length: 8 }, () => storage.transaction((tx) => credit(tx, 'a'))));
    const idle = await Promise.all(
      Array.from({ length: 8 }, () =>
        storage.query("SELECT current_setting('idle_in_transaction_session_timeout') AS idle"),
      ),
    );
    expect(new Set(idle.flat().map((row) => row.idle))).toEqual(new Set(['0']));
  });

  it('cancels its own statement on the server when the signal aborts, and no other', async () => {
    const storage = await open();
    const caller = new AbortController();
    const reason = new Error('too late');
    const sleep = (seconds: number, signal?: AbortSignal) =>
      storage.transaction((tx) => tx.query(`SELECT pg_sleep(${seconds})`), signal && { signal });
    const others = [sleep(2), sleep(2)];
    const sleeping = sleep(60, caller.signal);
    await eventually(async () => expect(await sleepers(storage)).toBe(3n));
    caller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await Promise.all(others);
    await eventually(async () => expect(await sleepers(storage)).toBe(0n));
  });

  it('cancels no commit, because the next client may have its session when the cancellation arrives', async () => {
    const storage = await open();
    const caller = new AbortController();
    const committing = storage.transaction(deferSlowly, { signal: caller.signal });
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    caller.abort(new Error('too late'));
    await committing;
    expect(await balances(storage)).toEqual([1n, 1n]);
  });

  it('prepares statements again whose result has changed', async () => {
    const storage = await open();
    const readAll = () => Promise.all(Array.from({ length: 8 }, () => storage.query('SELECT * FROM account')));
    await readAll();
    await storage.execute('ALTER TABLE account ADD COLUMN owner TEXT');
    for (const rows of await readAll()) expect(rows[0]).toEqual({ id: 'a', balance: 0n, owner: null });
  });

  it('calls listeners every second and says so if it has no direct URL', async () => {
    const url = pooler.url(randomUUID());
    const log = captureLog();
    const [one, other] = [await open({ logger: log.logger }, url), await open({}, url)];
    expect(log.lines).toMatchObject([{ msg: expect.stringContaining('set DATABASE_DIRECT_URL to the server itself') }]);
    let calls = 0;
    one.listen('news', () => {
      calls += 1;
    });
    other.notify('news');
    await eventually(() => expect(calls).toBeGreaterThan(0));
    expect(await balances(one)).toEqual([0n, 0n]);
  });

  it('refuses a direct URL that leads to a pooler', async () => {
    const url = pooler.url(randomUUID());
    await expect(openPostgres(url, { directUrl: url })).rejects.toMatchObject({
      reason: 'STORAGE_MISCONFIGURED',
      message: expect.stringContaining('name the server itself in DATABASE_DIRECT_URL'),
    });
  });
}

describeWithServer(pgbouncer, 'PostgreSQL behind a pooler', () => {
  describe('that keeps no prepared statements', () => poolerSuite(pgbouncerPrepares ? 0 : undefined));

  describeWithVersion(pgbouncer, preparingVersion, 'storage behind a pooler that keeps prepared statements', () =>
    poolerSuite(100),
  );

  it('leaves unknown what a message did that commits, if the server is lost behind the pooler', async () => {
    const server = await startPostgres();
    const pooler = await startPgBouncer(server);
    onTestFinished(async () => {
      await pooler.stop();
      await server.stop();
    });
    const storage = await openPostgres(pooler.url(randomUUID()));
    onTestFinished(() => storage.close());
    await storage.migrate('test', [accounts, slowCommit]);
    const transaction = storage.transaction(async (tx) => tx.defer('UPDATE account SET balance = 1'));
    const outcome = expect(transaction).rejects.toMatchObject({ reason: 'STORAGE_OUTCOME_UNKNOWN' });
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    const [session] = await storage.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    // Without a last word: the answer to the UPDATE is lost, too.
    process.kill(Number(session?.pid), 'SIGKILL');
    await outcome;
  });

  it('refuses a pooler in statement mode, and says how to configure it', async () => {
    const server = await startPostgres();
    const pooler = await startPgBouncer(server, { mode: 'statement' });
    onTestFinished(async () => {
      await pooler.stop();
      await server.stop();
    });
    await expect(openPostgres(pooler.url('postgres'))).rejects.toMatchObject({
      reason: 'STORAGE_MISCONFIGURED',
      message: expect.stringContaining('set pool_mode = transaction in PgBouncer'),
    });
  });
});

describe('the SQL of services and runtime', () => {
  it('uses nothing that a session keeps for its next transaction', async () => {
    const files = globSync('{mesh,services}/**/*.{ts,sql}', { exclude: (name) => name === 'testing' });
    const sources = files.filter((file) => !file.endsWith('.test.ts') && !/\/(suite|testing)\//.test(file));
    expect(sources.length).toBeGreaterThan(300);
    const found = sources.filter((file) => ofSession.test(readFileSync(file, 'utf8')));
    // Its connection listens directly.
    expect(found).toEqual(['mesh/storage/postgres/notifications.ts']);
  });
});

const ofSession =
  /pg_(try_)?advisory_lock|\bLISTEN \$|\bSET SESSION\b|\bTEMP(ORARY)? TABLE\b|\bCURSOR FOR\b|\bWITH HOLD\b|search_path|\b(currval|lastval)\(|\bDEALLOCATE\b|\bDISCARD (ALL|TEMP)\b|'PREPARE /;
