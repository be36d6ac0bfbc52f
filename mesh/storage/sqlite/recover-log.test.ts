import { fstatSync, readFileSync, statSync } from 'node:fs';
import { copyFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage } from '../storage.ts';
import { openSqlite } from './sqlite.ts';
import { type FlushFile, flushInThreadPool } from './write-ahead-log.ts';

describe('the write-ahead log that an earlier process left', () => {
  let folder: TempFolder;
  const path = (part = '') => join(folder.path, `left.db${part}`);
  const ids = (storage: Storage) => storage.query('SELECT id FROM note');

  beforeEach(async () => {
    folder = await tempFolder();
    const running = await openSqlite(join(folder.path, 'running.db'), { exclusive: true });
    await running.execute('CREATE TABLE note (id BIGINT PRIMARY KEY)');
    await running.execute('INSERT INTO note (id) VALUES (1)');
    for (const part of ['', '-wal']) await copyFile(join(folder.path, `running.db${part}`), path(part));
    await running.close();
    // Whatever is written to it from now on changes that.
    await utimes(path('-wal'), 0, 0);
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it('is written again and flushed before the file gets it, and anyone reads it', async () => {
    const [log, file] = [readFileSync(path('-wal')), readFileSync(path())];
    const flushes: unknown[] = [];
    const flushFile: FlushFile = async (descriptor) => {
      const { ino, mtimeMs } = fstatSync(descriptor);
      const part = ino === statSync(path()).ino ? 'file' : 'log';
      const isWritten = part === 'log' ? mtimeMs > 0 && readFileSync(path('-wal')).equals(log) : mtimeMs > 0;
      flushes.push({ part, isWritten, isCopied: !readFileSync(path()).equals(file) });
      await flushInThreadPool(descriptor);
    };
    const left = await openSqlite(path(), { exclusive: true, flushFile });
    expect(flushes.slice(0, 2)).toEqual([
      { part: 'log', isWritten: true, isCopied: false },
      { part: 'file', isWritten: true, isCopied: true },
    ]);
    expect(await ids(left)).toEqual([{ id: 1n }]);
    await left.close();
  });

  it('is kept, and the file is not opened, if the disk fails to write it', async () => {
    const file = readFileSync(path());
    const flushFile = () => Promise.reject(new Error('EIO: disk failed'));
    const opening = openSqlite(path(), { exclusive: true, verify: true, flushFile });
    await expect(opening).rejects.toMatchObject({ reason: 'STORAGE_FLUSH_FAILED' });
    expect(readFileSync(path())).toEqual(file);
    // The next process.
    for (const part of ['', '-wal']) await copyFile(path(part), join(folder.path, `next.db${part}`));
    const next = await openSqlite(join(folder.path, 'next.db'), { exclusive: true, verify: true });
    expect(await ids(next)).toEqual([{ id: 1n }]);
    await next.close();
  });
});
