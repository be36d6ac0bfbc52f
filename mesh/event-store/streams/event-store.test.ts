import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import { added, amountsOf, openStore } from '../testing/fixture.ts';
import { createEventStore } from './create-event-store.ts';
import { eventStoreSuite } from './event-store.suite.ts';

describe('the event store', () => {
  describeOnEachDatabase(eventStoreSuite);
});

describe('the event store, of what it remembers', () => {
  describeOnEachDatabase(memorySuite);
});

function memorySuite(newUrl: NewDatabaseUrl): void {
  it('appends at any version after an append that was rolled back', async () => {
    const { storage, store } = await openStore(newUrl());
    await store.append('a', 'any', added(1));
    const failing = storage.transaction(async (tx) => {
      await store.appendIn(tx, 'a', 'any', added(2));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expect(store.append('a', 'any', added(3))).resolves.toMatchObject([{ version: 2n }]);
    expect(amountsOf(await store.getEvents('a'))).toEqual(['1', '3']);
  });

  it('appends at any version after an append of another process', async () => {
    const url = newUrl();
    const [ours, theirs] = [(await openStore(url)).store, (await openStore(url)).store];
    await ours.append('a', 'any', added(1));
    await theirs.append('a', 'any', added(2));
    await expect(ours.append('a', 'any', added(3))).resolves.toMatchObject([{ version: 3n }]);
  });
}

describeWithServer(postgres, 'the event store on PostgreSQL with concurrent transactions', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('returns no event while one before it may still be committed', async () => {
    const { storage, store } = await openStore(server.url('late'));
    const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = storage.transaction(async (tx) => {
      await store.appendIn(tx, 'slow', 0n, added(1));
      begun.resolve();
      await mayEnd.promise;
    });
    await begun.promise;
    await store.append('fast', 0n, added(2));
    // A reader that trusted the highest visible position would continue after `fast` and never see `slow`.
    expect(await store.readAll(0n, 10)).toEqual([]);
    expect(await storage.query('SELECT stream FROM event')).toEqual([{ stream: 'fast' }]);
    mayEnd.resolve();
    await slow;
    const streams = async () => (await store.readAll(0n, 10)).map(({ stream }) => stream);
    await eventually(async () => expect(await streams()).toEqual(['slow', 'fast']));
  });

  it('continues after a position that was allocated and never used', async () => {
    const { storage, store } = await openStore(server.url('unused'));
    const rolledBack = storage.transaction(async (tx) => {
      await store.appendIn(tx, 'a', 0n, added(1));
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await store.append('a', 0n, added(2));
    // What the server does by itself, such as a vacuum, may hold an event back for a moment.
    await eventually(async () => expect(amountsOf(await store.readAll(0n, 10))).toEqual(['2']));
    await storage.transaction((tx) => store.appendIn(tx, 'a', 5n, added(3))).catch(() => undefined);
    const failed = storage.transaction(async (tx) => {
      await store.appendIn(tx, 'a', 1n, added(3));
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await eventually(async () => expect(await store.head()).toBe((await store.readAll(0n, 10)).at(-1)?.position));
  });

  it('keeps the order of a stream even if the later event was written by the older transaction', async () => {
    const { storage, store } = await openStore(server.url('older'));
    await storage.execute('CREATE TABLE other (id BIGINT)');
    const [begun, mayAppend] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const older = storage.transaction(async (tx) => {
      await tx.execute('INSERT INTO other VALUES (1)');
      begun.resolve();
      await mayAppend.promise;
      await store.appendIn(tx, 'a', 1n, added(2));
    });
    await begun.promise;
    await store.append('a', 0n, added(1));
    mayAppend.resolve();
    await older;
    await eventually(async () => expect(amountsOf(await store.readAll(0n, 10))).toEqual(['1', '2']));
  });

  it('skips no event for a reader that follows 400 transactions of varying length', async () => {
    const { storage, store } = await openStore(server.url('many'));
    // With connections of its own: those of the writers are all in use.
    const reader = await openStore(server.url('many'));
    const caller = new AbortController();
    const [seen, awake] = [new Set<string>(), Promise.withResolvers<void>()];
    const reading = (async () => {
      for await (const events of reader.store.subscribe(0n, 50, caller.signal)) {
        for (const { stream } of events) seen.add(stream);
        awake.resolve();
      }
    })();
    const appendSlowly = (index: number) =>
      storage.transaction(async (tx) => {
        await store.appendIn(tx, `s-${index}`, 0n, added(index));
        await tx.query(`SELECT pg_sleep(${((index * 7) % 5) / 100})`);
      });
    await appendSlowly(0);
    await awake.promise;
    await Promise.all(Array.from({ length: 399 }, (_, index) => appendSlowly(index + 1)));
    await eventually(() => expect(seen.size).toBe(400));
    caller.abort();
    await reading;
  });

  it('wakes a subscription of another process', async () => {
    const ours = await openStore(server.url('shared'));
    const theirs = await openStore(server.url('shared'));
    const caller = new AbortController();
    const subscription = ours.store.subscribe(0n, 10, caller.signal);
    const first = subscription.next();
    // It is listening now, so notifications reach it.
    await eventually(async () => {
      const listening = await ours.storage.query("SELECT 1 AS one FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
      expect(listening).not.toEqual([]);
    });
    const beganMs = performance.now();
    await theirs.store.append('a', 0n, added(1));
    await expect(first).resolves.toMatchObject({ value: [{ stream: 'a', version: 1n }] });
    // Well before it would have looked by itself.
    expect(performance.now() - beganMs).toBeLessThan(2_000);
    caller.abort();
    await subscription.next();
  });
});

describe('the event store in a SQLite file', () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('gives a subscription what was appended since without reading it', async () => {
    const { storage } = await openStore(`sqlite:${join(folder.path, 'recent.db')}`);
    const reads: string[] = [];
    const query: typeof storage.query = (sql, params) => {
      if (sql.includes('position > $1')) reads.push(sql);
      return storage.query(sql, params);
    };
    const store = await createEventStore({ ...storage, query }, { clock: systemClock });
    const caller = new AbortController();
    const subscription = store.subscribe(0n, 10, caller.signal);
    for (let version = 0n; version < 3n; version += 1n) {
      const appended = await store.append('a', version, added(version));
      await expect(subscription.next()).resolves.toEqual({ done: false, value: appended });
    }
    // The first.
    expect(reads).toHaveLength(1);
    caller.abort();
    await subscription.next();
  });

  it('has every acknowledged event after kill -9, and no gap in any stream', async () => {
    const path = join(folder.path, 'killed.db');
    const child = spawn(process.execPath, [
      new URL('../testing/append-until-killed.ts', import.meta.url).pathname,
      path,
    ]);
    const acknowledged = await killAfter(child, 1_000);
    const { store } = await openStore(`sqlite:${path}`);
    for (const [stream, versions] of Map.groupBy(acknowledged, (line) => line.split(' ')[0] ?? '')) {
      const events = await store.getEvents(stream);
      expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => BigInt(index + 1)));
      const last = Math.max(...versions.map((line) => Number(line.split(' ')[1])));
      expect(events.length).toBeGreaterThanOrEqual(last);
    }
  });

  it('opens with the events before a torn last record, wherever it is torn, and accepts new ones', async () => {
    const [whole, torn] = [join(folder.path, 'whole.db'), join(folder.path, 'torn.db')];
    // Copied while it is open: what was committed last is in the write-ahead log alone.
    const storage = await openStorage(`sqlite:${whole}`);
    await storage.close();
    const { store } = await openStore(`sqlite:${whole}`);
    for (let version = 0n; version < 20n; version += 1n) await store.append('a', version, added(version));
    const { size } = await stat(`${whole}-wal`);
    const counts = new Set<number>();
    for (let length = 0; length <= size; length += 4_111) {
      await cp(whole, torn);
      await cp(`${whole}-wal`, `${torn}-wal`);
      await truncate(`${torn}-wal`, length);
      const reopened = await openStorage(`sqlite:${torn}`);
      const again = await createEventStore(reopened, { clock: systemClock });
      const events = await again.getEvents('a');
      expect(amountsOf(events)).toEqual(events.map((_, index) => `${index}`));
      const next = await again.append('a', BigInt(events.length), added(99));
      expect(next).toMatchObject([{ version: BigInt(events.length + 1) }]);
      counts.add(events.length);
      await reopened.close();
      await Promise.all([rm(torn), rm(`${torn}-wal`, { force: true }), rm(`${torn}-shm`, { force: true })]);
    }
    expect(counts.size).toBeGreaterThan(10);
  });
});

/** Kills a process after so many lines of output. Returns all its lines. */
async function killAfter(child: ChildProcess, lines: number): Promise<string[]> {
  const printed: string[] = [];
  if (child.stdout === null) throw new Error('the child has no output');
  for await (const line of createInterface(child.stdout)) {
    printed.push(line);
    if (printed.length === lines) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return printed;
}
