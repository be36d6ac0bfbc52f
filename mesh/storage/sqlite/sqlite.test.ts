import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage, Transaction } from '../storage.ts';
import { openSqlite, type SqliteOptions } from './sqlite.ts';

const notes = { name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)' };

let folder: TempFolder;
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function open(options: SqliteOptions = {}): Promise<Storage> {
  const storage = await openSqlite(join(folder.path, 'test.db'), options);
  onTestFinished(() => storage.close());
  await storage.migrate('test', [notes]);
  return storage;
}

function add(to: Pick<Transaction, 'execute'>, id: number, text = ''): Promise<number> {
  return to.execute('INSERT INTO note (id, text) VALUES ($1, $2)', [id, text]);
}

async function ids(storage: Storage): Promise<number[]> {
  const rows = await storage.query<{ id: bigint }>('SELECT id FROM note ORDER BY id');
  return rows.map((row) => Number(row.id));
}

describe('a SQLite transaction that awaits something else', () => {
  it.each<[string, (storage: Storage) => Promise<unknown>]>([
    ['a timer', () => setTimeout(1)],
    ['the next turn', () => new Promise((resolve) => void setImmediate(resolve))],
    ['the next tick', () => new Promise<void>((resolve) => process.nextTick(resolve))],
    ['a read outside of it', (storage) => storage.query('SELECT 1')],
    ['another transaction', (storage) => storage.transaction((tx) => tx.query('SELECT 1'))],
    ['a promise that never settles', () => new Promise(() => undefined)],
  ])('is rolled back and refused, without effect on others: %s', async (_title, wait) => {
    const storage = await open();
    const before = storage.transaction((tx) => add(tx, 1));
    const refused = storage.transaction(async (tx) => {
      await add(tx, 2);
      await wait(storage);
      await add(tx, 3);
    });
    const after = storage.transaction((tx) => add(tx, 4));
    await expect(refused).rejects.toMatchObject({ reason: 'TRANSACTION_AWAITED_OUTSIDE' });
    expect(await Promise.all([before, after])).toEqual([1, 1]);
    expect(await ids(storage)).toEqual([1, 4]);
  });

  it('may await a promise that is already settled', async () => {
    const storage = await open();
    const there = Promise.resolve(7);
    await storage.transaction(async (tx) => add(tx, await there));
    expect(await ids(storage)).toEqual([7]);
  });

  it('cannot write with its late calls', async () => {
    const storage = await open();
    const late = Promise.withResolvers<number>();
    const refused = storage.transaction(async (tx) => {
      await setTimeout(5);
      late.resolve(add(tx, 1));
    });
    await expect(refused).rejects.toMatchObject({ reason: 'TRANSACTION_AWAITED_OUTSIDE' });
    await expect(late.promise).rejects.toThrow('the transaction has ended');
    expect(await ids(storage)).toEqual([]);
  });
});

describe('SQLite', () => {
  it('lets the event loop turn while many transactions wait', async () => {
    const storage = await open();
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await Promise.all(Array.from({ length: 3000 }, (_, id) => storage.transaction((tx) => add(tx, id))));
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('has SQLite write every commit to the disk if others may read the file', async () => {
    const storage = await open();
    expect(await storage.query('PRAGMA synchronous')).toEqual([{ synchronous: 2n }]);
    expect(await storage.query('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
  });

  it('keeps the write-ahead log of an exclusive file short', async () => {
    const storage = await open({ exclusive: true });
    const text = 'x'.repeat(3_000);
    for (let id = 0; id < 3_000; id += 1) await storage.transaction((tx) => add(tx, id, text), { flush: false });
    // After a checkpoint the log is written from its start, so its size is that of its largest portion.
    expect((await stat(join(folder.path, 'test.db-wal'))).size).toBeLessThan(10 * 2 ** 20);
  });

  it('copies the log into an exclusive file after a commit, not in it, so calls need not wait for both', async () => {
    const storage = await open({ exclusive: true });
    const size = () => statSync(join(folder.path, 'test.db')).size;
    const before = size();
    await storage.transaction((tx) => add(tx, 1, 'x'.repeat(2 ** 23)), { flush: false });
    expect(size()).toBe(before);
    await eventually(() => expect(size()).toBeGreaterThan(before + 2 ** 23));
  });

  it('enforces foreign keys', async () => {
    const storage = await open();
    await storage.execute('CREATE TABLE line (note_id BIGINT REFERENCES note (id))');
    await expect(storage.execute('INSERT INTO line (note_id) VALUES (1)')).rejects.toThrow('FOREIGN KEY');
  });

  it('says in one line which pages are damaged, and to keep what is there', async () => {
    const storage = await open();
    for (let id = 0; id < 20; id += 1) await add(storage, id, 'x'.repeat(3_000));
    await storage.close();
    const path = join(folder.path, 'test.db');
    const file = await readFile(path);
    for (let page = 8; page < file.length / 4096; page += 1) file.fill(0xa5, page * 4096, (page + 1) * 4096);
    await writeFile(path, file);
    const error = await openSqlite(path, { verify: true }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' });
    expect(`${error}`).toMatch(/test\.db is damaged: Tree \d+ page .+; stop this process, move its data folder aside/);
    expect(`${error}`).not.toContain('\n');
  });

  it('refuses to open a file that is not a database', async () => {
    const path = join(folder.path, 'letter.db');
    await writeFile(path, 'Dear reader, this is not a database but a letter of some length.'.repeat(20));
    await expect(openSqlite(path)).rejects.toMatchObject({ code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' });
    await expect(openSqlite(path)).rejects.toThrow(`${path} is damaged: file is not a database`);
  });

  it('refuses to open a file in a folder that cannot be created', async () => {
    await writeFile(join(folder.path, 'file'), '');
    const opening = openSqlite(join(folder.path, 'file', 'test.db'));
    await expect(opening).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
  });

  it('is unavailable while another process holds the file, and works again afterwards', async () => {
    const storage = await open({ busyTimeoutMs: 10 });
    const other = new DatabaseSync(join(folder.path, 'test.db'));
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    await expect(add(storage, 1)).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    expect(await ids(storage)).toEqual([]);
    other.exec('ROLLBACK');
    expect(await add(storage, 1)).toBe(1);
  });

  it('refuses every other process if it is exclusive, until it is closed', async () => {
    const storage = await open({ exclusive: true });
    const path = join(folder.path, 'test.db');
    await expect(openSqlite(path, { busyTimeoutMs: 10 })).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
    expect(await add(storage, 1)).toBe(1);
    await storage.close();
    const next = await openSqlite(path);
    expect(await ids(next)).toEqual([1]);
    await next.close();
  });

  it('refuses writes when the disk is full, keeps acknowledged ones, and continues once there is space', async () => {
    const storage = await open({ maxPages: 40 });
    const large = 'x'.repeat(4000);
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, id) => add(storage, id, large)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 14, reason: 'STORAGE_FULL' });
    const kept = outcomes.flatMap((outcome, id) => (outcome.status === 'fulfilled' ? [id] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(await ids(storage)).toEqual(kept);

    await storage.execute('DELETE FROM note');
    expect(await add(storage, 1000, large)).toBe(1);
    await storage.check();
  });

  it('loses nothing acknowledged when the process is killed', async () => {
    const child = spawn(process.execPath, [
      new URL('../testing/write-until-killed.ts', import.meta.url).pathname,
      join(folder.path, 'test.db'),
    ]);
    const acknowledged: number[] = [];
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(Number(line));
      if (acknowledged.length === 2000) child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    const kept = new Set(await ids(await open()));
    expect(acknowledged.length).toBeGreaterThanOrEqual(2000);
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });
});

describe('the rows of a prepared SELECT *', () => {
  const rename = 'ALTER TABLE note RENAME COLUMN text TO body';
  it.each<[string, (storage: Storage) => Promise<unknown>]>([
    ['a migration', (storage) => storage.migrate('test', [notes, { name: '0002-body', sql: rename }])],
    ['a statement', (storage) => storage.execute(rename)],
  ])('have the columns as %s has changed them', async (_title, change) => {
    const storage = await open();
    await add(storage, 1, 'a');
    const read = () => storage.query('SELECT * FROM note');
    expect(await read()).toEqual([{ id: 1n, text: 'a' }]);
    await change(storage);
    expect(await read()).toEqual([{ id: 1n, body: 'a' }]);
  });

  it('have the columns as a transaction that was taken back found them', async () => {
    const storage = await open();
    await add(storage, 1, 'a');
    const read = (from: Pick<Storage, 'query'>) => from.query('SELECT * FROM note');
    const before = add(storage, 2, 'b');
    const failed = storage.transaction(async (tx) => {
      await tx.execute(rename);
      expect(await read(tx)).toContainEqual({ id: 1n, body: 'a' });
      throw new Error('taken back');
    });
    await expect(failed).rejects.toThrow('taken back');
    await before;
    expect(await read(storage)).toContainEqual({ id: 1n, text: 'a' });
  });
});
