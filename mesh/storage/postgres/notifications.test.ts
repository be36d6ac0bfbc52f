import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import type { Storage } from '../storage.ts';
import { openPostgres } from './postgres.ts';

/** The processes of the server that listen in this database. */
async function listeners(storage: Storage): Promise<bigint[]> {
  const sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
  return (await storage.query<{ pid: bigint }>(sql)).map((row) => row.pid);
}

describeWithServer(postgres, 'channels on PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let storage: Storage;
  let other: Storage;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = server.url(randomUUID());
    [storage, other] = [await open(), await open()];
  });

  async function open(): Promise<Storage> {
    const opened = await openPostgres(url);
    onTestFinished(() => opened.close());
    return opened;
  }

  /** Listens and waits for the first call. `hears` waits for a notification of the other. */
  async function listen(channel = 'news') {
    const ear = { calls: 0 };
    storage.listen(channel, () => {
      ear.calls += 1;
    });
    await eventually(() => expect(ear.calls).toBe(1));
    const hears = async (): Promise<void> => {
      const before = ear.calls;
      other.notify(channel);
      await eventually(() => expect(ear.calls).toBeGreaterThan(before));
    };
    return { ear, hears };
  }

  it('use one connection for all listeners, and none before the first', async () => {
    expect(await listeners(other)).toEqual([]);
    const ears = await Promise.all([listen('news'), listen('news'), listen('weather')]);
    for (const { hears } of ears) await hears();
    expect(await listeners(other)).toHaveLength(1);
  });

  it('call a new listener, because it may have missed something', async () => {
    const { ear, hears } = await listen();
    await hears();
    expect(ear.calls).toBe(2);
  });

  it('recover after the connection was ended, and call each listener once', async () => {
    const { ear, hears } = await listen();
    const before = await listeners(other);
    await other.query('SELECT pg_terminate_backend($1)', before);
    await eventually(() => expect(ear.calls).toBe(2));
    expect(await listeners(other)).not.toEqual(before);
    await hears();
    expect(ear.calls).toBe(3);
  });

  it('recover after a restart of the server', async () => {
    const { ear, hears } = await listen();
    await server.restart();
    await eventually(() => expect(ear.calls).toBe(2));
    await hears();
  });

  it('do not reopen a lost connection without listeners', async () => {
    const end = storage.listen('news', () => undefined);
    await eventually(async () => expect(await listeners(other)).toHaveLength(1));
    end();
    await other.query('SELECT pg_terminate_backend($1)', await listeners(other));
    // Twice as long as that would take.
    let calls = 0;
    other.listen('news', () => {
      calls += 1;
    });
    for (let round = 1; round <= 2; round += 1) {
      await eventually(() => expect(calls).toBe(round));
      await other.query('SELECT pg_terminate_backend($1)', await listeners(other));
    }
    await eventually(() => expect(calls).toBe(3));
    const sql = "SELECT pid FROM pg_stat_activity WHERE query = '' AND datname = current_database()";
    expect(await other.query(sql)).toEqual([]);
    await (await listen()).hears();
  });

  /** Listens without a `Storage`. Returns what came until a marker came. */
  async function receive(): Promise<() => Promise<string[]>> {
    const client = new pg.Client(url);
    await client.connect();
    onTestFinished(() => client.end());
    const received: string[] = [];
    client.on('notification', ({ channel }) => received.push(channel));
    await client.query('LISTEN news; LISTEN marker');
    return async () => {
      await client.query('NOTIFY marker');
      await eventually(() => expect(received).toContain('marker'));
      return received;
    };
  }

  it('merge notifications while one is in progress', async () => {
    const received = await receive();
    for (let count = 0; count < 100; count += 1) storage.notify('news');
    await storage.close();
    expect(await received()).toEqual(['news', 'news', 'marker']);
  });

  it('send what was merged before they close, even of calls that end while it closes', async () => {
    const received = await receive();
    storage.notify('news');
    const change = storage.transaction(async (tx) => {
      tx.afterCommit(() => storage.notify('news'));
      await tx.query('SELECT pg_sleep(0.1)');
    });
    await Promise.all([storage.close(), change]);
    expect(await received()).toEqual(['news', 'news', 'marker']);
  });

  it('notify again after a notification failed', async () => {
    const { hears } = await listen();
    await server.killImmediate();
    other.notify('news');
    await expect(other.check()).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    await server.restart();
    await other.check();
    await hears();
  });

  it('close their connection, even while the server is down', async () => {
    await (await listen()).hears();
    await storage.close();
    await eventually(async () => expect(await listeners(other)).toEqual([]));
    const third = await open();
    third.listen('news', () => undefined);
    await server.killImmediate();
    await third.close();
    await server.restart();
    await other.check();
    expect(await listeners(other)).toEqual([]);
  });

  it('keep no process alive once closed', async () => {
    const script = `
      import { openPostgres } from '${new URL('postgres.ts', import.meta.url)}';
      const storage = await openPostgres('${url}');
      await new Promise((resolve) => storage.listen('news', () => resolve(undefined)));
      storage.notify('news');
      await storage.close();
      console.log('closed');`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 25_000 });
    expect((await run).stdout).toBe('closed\n');
  });
});
