import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/servers/fault-proxy.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import type { Storage } from '../storage.ts';
import { openPostgres } from './postgres.ts';

const notes = { name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' };
const takesNoWrites = { code: Status.UNAVAILABLE, reason: 'STORAGE_UNAVAILABLE' };
const poolSize = 3;

function add(storage: Storage, id: number): Promise<number> {
  return storage.execute('INSERT INTO note (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
}

describeWithServer(postgres, 'a server that accepts no writes', () => {
  let primary: PostgresServer;
  let proxy: FaultProxy;
  let storage: Storage;

  beforeEach(async () => {
    primary = await startPostgres();
    onTestFinished(() => primary.stop());
    proxy = await startFaultProxy(primary.port);
    onTestFinished(() => proxy.close());
    storage = await open(`postgres://postgres@127.0.0.1:${proxy.port}/${randomUUID()}`);
    await storage.migrate('test', [notes]);
  }, 30_000);

  async function open(url: string): Promise<Storage> {
    const opened = await openPostgres(url, { poolSize });
    onTestFinished(() => opened.close());
    return opened;
  }

  async function startStandby(): Promise<PostgresServer> {
    const standby = await primary.startStandby();
    onTestFinished(() => standby.stop());
    return standby;
  }

  /** Opens every connection of the pool. */
  const useAll = () => Promise.all(Array.from({ length: poolSize }, () => storage.query('SELECT pg_sleep(0.05)')));
  const portOf = async () => (await storage.query<{ port: bigint }>('SELECT inet_server_port() AS port'))[0]?.port;

  it('fails the check and every change until it accepts writes again', async () => {
    await primary.setReadOnly(true);
    await eventually(() => expect(storage.check()).rejects.toMatchObject(takesNoWrites));
    for (const group of [undefined, 'hot']) {
      const adding = storage.transaction(
        (tx) => tx.execute('INSERT INTO note (id) VALUES (1)'),
        group ? { commitGroup: group } : {},
      );
      await expect(adding).rejects.toMatchObject(takesNoWrites);
      await expect(adding).rejects.toThrow(/rejects writes: .*point DATABASE_URL to the primary/);
    }
    expect(await storage.query('SELECT id FROM note')).toEqual([]);
    await primary.setReadOnly(false);
    await eventually(() => storage.check());
    expect(await add(storage, 1)).toBe(1);
  });

  it('is left by every connection after a failover, for the server at its address', async () => {
    const standby = await startStandby();
    await useAll();
    expect(await portOf()).toBe(BigInt(primary.port));

    await primary.setReadOnly(true);
    await standby.promote();
    proxy.routeTo(standby.port);
    await eventually(() => expect(add(storage, 1)).rejects.toMatchObject(takesNoWrites));

    await storage.check();
    const added = await Promise.all(Array.from({ length: 20 }, (_, index) => add(storage, 2 + index)));
    expect(added).toEqual(added.map(() => 1));
    await useAll();
    expect(new Set(await Promise.all(Array.from({ length: 20 }, portOf)))).toEqual(new Set([BigInt(standby.port)]));
  });

  it('is left by the reads and the listener of a process that only writes its check', async () => {
    const standby = await startStandby();
    let calls = 0;
    storage.listen('news', () => {
      calls += 1;
    });
    await eventually(() => expect(calls).toBe(1));
    await storage.check();
    await primary.setReadOnly(true);
    await standby.promote();
    proxy.routeTo(standby.port);
    await eventually(() => expect(storage.check()).rejects.toMatchObject(takesNoWrites));

    expect(await portOf()).toBe(BigInt(standby.port));
    // Called because it may have missed something.
    await eventually(() => expect(calls).toBe(2));
    const other = await open(`postgres://postgres@127.0.0.1:${proxy.port}/${await databaseOf(storage)}`);
    other.notify('news');
    await eventually(() => expect(calls).toBe(3));
  });

  it('is left when its machine is silently gone, and fails the calls in progress', async () => {
    const standby = await startStandby();
    const database = await databaseOf(storage);
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/${database}`;
    const own = await openPostgres(url, { poolSize, silentAfterMs: 2_000 });
    onTestFinished(() => own.close());
    let calls = 0;
    own.listen('news', () => {
      calls += 1;
    });
    await eventually(() => expect(calls).toBe(1));
    await own.check();
    await Promise.all(Array.from({ length: poolSize }, () => own.query('SELECT pg_sleep(0.05)')));
    proxy.blackHole();
    // On every connection of the pool.
    const underWay = Array.from({ length: poolSize }, () => add(own, 1));
    const failed = Promise.all(
      underWay.map((adding) => expect(adding).rejects.toMatchObject({ code: Status.UNAVAILABLE })),
    );
    await standby.promote();
    proxy.routeTo(standby.port);

    await expect(own.check()).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    await failed;
    await own.check();
    const added = await Promise.all(Array.from({ length: 20 }, (_, index) => add(own, 2 + index)));
    expect(added).toEqual(added.map(() => 1));
    await eventually(() => expect(calls).toBe(2));
  });

  it('does not block a call whose signal aborts when its machine is silently gone', async () => {
    const caller = new AbortController();
    const reason = new Error('too late');
    const adding = storage.transaction(
      async (tx) => {
        proxy.blackHole();
        setImmediate(() => caller.abort(reason));
        await tx.execute('INSERT INTO note (id) VALUES (1)');
      },
      { signal: caller.signal },
    );
    await expect(adding).rejects.toBe(reason);
  });

  it('does not block closing when its machine is silently gone', async () => {
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/${await databaseOf(storage)}`;
    const own = await openPostgres(url, { poolSize, silentAfterMs: 2_000 });
    await own.check();
    proxy.blackHole();
    const failed = expect(add(own, 1)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    await own.close();
    await failed;
  });

  it('is refused at opening, by name', async () => {
    const standby = await startStandby();
    const opening = openPostgres(standby.url(await databaseOf(storage)));
    await expect(opening).rejects.toMatchObject(takesNoWrites);
    await expect(opening).rejects.toThrow(`127.0.0.1:${standby.port}`);
  });
});

async function databaseOf(storage: Storage): Promise<string> {
  const [row] = await storage.query<{ name: string }>('SELECT current_database() AS name');
  return row?.name ?? '';
}
