import { open as openFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage } from '../storage.ts';
import { kindOf } from './result-codes.ts';
import { openSqlite } from './sqlite.ts';

const unavailable = { code: Status.UNAVAILABLE, reason: 'STORAGE_UNAVAILABLE' };
const corrupt = { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' };

describe('a failure of SQLite', () => {
  let folder: TempFolder;
  let path: string;
  beforeEach(async () => {
    folder = await tempFolder();
    path = join(folder.path, 'test.db');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function open(): Promise<Storage> {
    const storage = await openSqlite(path, { busyTimeoutMs: 10 });
    onTestFinished(() => storage.close());
    return storage;
  }

  async function fillAndDamage(): Promise<void> {
    const storage = await openSqlite(path);
    await storage.execute('CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)');
    for (let id = 0; id < 100; id += 1)
      await storage.execute('INSERT INTO note (id, text) VALUES ($1, $2)', [id, 'x'.repeat(1000)]);
    await storage.close();
    const { size } = await stat(path);
    const file = await openFile(path, 'r+');
    // The tables of every database come before it.
    const half = Math.floor(size / 8192) * 4096;
    await file.write(Buffer.alloc(size - half, 0x5a), 0, size - half, half);
    await file.close();
  }

  it('is STORAGE_CORRUPT with the file and advice if its pages are damaged', async () => {
    await fillAndDamage();
    const storage = await open();
    const reading = storage.query('SELECT text FROM note');
    await expect(reading).rejects.toMatchObject(corrupt);
    await expect(reading).rejects.toThrow(`${path} is damaged: database disk image is malformed; stop this process`);
    await expect(storage.execute("INSERT INTO note (id, text) VALUES (1000, '')")).rejects.toMatchObject(corrupt);
  });

  it('is STORAGE_MISCONFIGURED if a table or column is missing, and names the statement', async () => {
    const storage = await open();
    await storage.execute('CREATE TABLE note (id BIGINT PRIMARY KEY)');
    const misconfigured = { code: Status.UNAVAILABLE, reason: 'STORAGE_MISCONFIGURED' };
    for (const sql of ['SELECT id FROM notes', 'SELECT text FROM note', 'INSERT INTO note (text) VALUES (1)']) {
      await expect(storage.query(sql)).rejects.toMatchObject(misconfigured);
      await expect(storage.query(sql)).rejects.toThrow(sql);
    }
  });

  it('is STORAGE_UNAVAILABLE if it accepts no writes', async () => {
    const storage = await open();
    // SQLite applies it when it prepares it, so the transaction can no longer begin.
    await expect(storage.query('PRAGMA query_only = 1')).rejects.toMatchObject(unavailable);
    await expect(storage.execute('CREATE TABLE note (id BIGINT)')).rejects.toMatchObject(unavailable);
    await expect(storage.execute('CREATE TABLE note (id BIGINT)')).rejects.toThrow('rejects writes');
  });

  it('is STORAGE_UNAVAILABLE while another process holds the file', async () => {
    const storage = await open();
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    await expect(storage.execute('CREATE TABLE note (id BIGINT)')).rejects.toMatchObject(unavailable);
    await expect(storage.execute('CREATE TABLE note (id BIGINT)')).rejects.toThrow('no other process holds it');
  });

  it('is STORAGE_TOO_LARGE if a value is too large', async () => {
    const storage = await open();
    await expect(storage.query('SELECT zeroblob(2000000000)')).rejects.toMatchObject({
      code: Status.INTERNAL,
      reason: 'STORAGE_TOO_LARGE',
    });
  });

  it('is an Error if a statement is at fault', async () => {
    const storage = await open();
    for (const sql of ['SELEKT 1', "SELECT json('{')"]) await expect(storage.query(sql)).rejects.toThrow(`in: ${sql}`);
  });

  it('has a kind for every code', () => {
    const kinds = Map.groupBy(
      Array.from({ length: 26 }, (_, index) => index + 1),
      (errcode) => kindOf(Object.assign(new Error('failed'), { errcode })),
    );
    expect(Object.fromEntries(kinds)).toEqual({
      denied: [3, 23],
      busy: [5, 6, 15, 17],
      unavailable: [7, 10, 14],
      'read-only': [8],
      corrupt: [11, 24, 26],
      full: [13, 22],
      'too-large': [18],
      statement: [1, 2, 4, 9, 12, 16, 19, 20, 21, 25],
    });
    const extended = [266, 1032, 8202, 8458].map((errcode) => kindOf(Object.assign(new Error('failed'), { errcode })));
    expect(extended).toEqual(['unavailable', 'read-only', 'corrupt', 'corrupt']);
  });
});
