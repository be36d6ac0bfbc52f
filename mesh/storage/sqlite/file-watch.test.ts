import { copyFile, cp, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage } from '../storage.ts';
import { openSqlite } from './sqlite.ts';

describe('a SQLite database whose files change', () => {
  let folder: TempFolder;
  let data: string;
  let storage: Storage;

  const open = async (path = join(data, 'test.db')) => {
    storage = await openSqlite(path, { exclusive: true });
    await storage.migrate('test', [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' }]);
  };
  const add = (id: number) => storage.transaction((tx) => tx.execute('INSERT INTO note (id) VALUES ($1)', [id]));
  const lost = {
    code: Status.UNAVAILABLE,
    reason: 'STORAGE_LOST',
    message: expect.stringMatching(`test\\.db was deleted, moved or replaced.*/proc/${process.pid}/fd`),
  };

  beforeEach(async () => {
    folder = await tempFolder();
    data = join(folder.path, 'data');
    await mkdir(data);
    await open();
    await add(1);
  });
  afterEach(async () => {
    await storage.close().catch(() => undefined);
    await folder[Symbol.asyncDispose]();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its folder is deleted', () => rm(data, { recursive: true })],
    ['its folder is moved away', () => rename(data, join(folder.path, 'moved'))],
    ['it is deleted', () => rm(join(data, 'test.db'))],
    ['its write-ahead log is deleted', () => rm(join(data, 'test.db-wal'))],
    [
      'its folder is replaced by a copy of it',
      async () => {
        await rename(data, join(folder.path, 'moved'));
        await cp(join(folder.path, 'moved'), data, { recursive: true });
      },
    ],
    [
      'it is replaced by a backup',
      async () => {
        await copyFile(join(data, 'test.db'), join(folder.path, 'backup'));
        await rename(join(folder.path, 'backup'), join(data, 'test.db'));
      },
    ],
    [
      'its write-ahead log is replaced',
      async () => {
        await copyFile(join(data, 'test.db-wal'), join(folder.path, 'wal'));
        await rename(join(folder.path, 'wal'), join(data, 'test.db-wal'));
      },
    ],
  ])('acknowledges nothing more if %s', async (_what, change) => {
    const calls: string[] = [];
    await change();
    const commits = [2, 3].map((id) =>
      storage.transaction(async (tx) => {
        tx.afterCommit(() => calls.push('committed'));
        await tx.execute('INSERT INTO note (id) VALUES ($1)', [id]);
      }),
    );
    for (const outcome of await Promise.allSettled(commits)) expect(outcome).toMatchObject({ reason: lost });
    expect(calls).toEqual([]);
    await expect(storage.query('SELECT id FROM note')).rejects.toMatchObject(lost);
    await expect(storage.check()).rejects.toMatchObject(lost);
  });

  it('detects it by its check if nobody writes', async () => {
    await rename(data, join(folder.path, 'moved'));
    await expect(storage.check()).rejects.toMatchObject(lost);
  });

  it('stays lost if the files come back, because memory and files may differ', async () => {
    await rename(data, join(folder.path, 'moved'));
    await expect(add(2)).rejects.toMatchObject(lost);
    await rename(join(folder.path, 'moved'), data);
    await expect(add(3)).rejects.toMatchObject(lost);
    await storage.close();
    await open();
    expect(await storage.query('SELECT id FROM note WHERE id = 1')).toHaveLength(1);
  });

  it('refuses writes while its path cannot be read, and continues afterwards', async () => {
    await rename(data, join(folder.path, 'moved'));
    // A link to itself fails, like a missing permission or a disk that does not answer.
    await symlink(data, data);
    const unseen = {
      code: Status.UNAVAILABLE,
      reason: 'STORAGE_UNAVAILABLE',
      message: expect.stringMatching('ELOOP.*test\\.db'),
    };
    await expect(add(2)).rejects.toMatchObject(unseen);
    await expect(storage.check()).rejects.toMatchObject(unseen);
    await rm(data);
    await rename(join(folder.path, 'moved'), data);
    await storage.check();
    // The refused one was not committed.
    await add(2);
    expect(await storage.query('SELECT id FROM note ORDER BY id')).toEqual([{ id: 1n }, { id: 2n }]);
  });

  it('continues if it is reached through links, and while others read it', async () => {
    await storage.close();
    await symlink(data, join(folder.path, 'linked'));
    await symlink(join(data, 'test.db'), join(folder.path, 'linked.db'));
    for (const path of [join(folder.path, 'linked', 'test.db'), join(folder.path, 'linked.db')]) {
      await open(path);
      await copyFile(join(data, 'test.db'), join(folder.path, 'copy'));
      await add(path.length);
      await storage.check();
      await storage.close();
    }
  });

  it('reports its first damage with every later check', async () => {
    await storage.close();
    const path = join(data, 'test.db');
    const { open: openFile } = await import('node:fs/promises');
    await open();
    await Promise.all(Array.from({ length: 2000 }, (_, index) => add(1000 + index)));
    await storage.close();
    await using file = await openFile(path, 'r+');
    const { size } = await file.stat();
    // Every page but those of the schema.
    for (let page = 8; page * 4096 < size; page += 1) await file.write(Buffer.alloc(64, 0xff), 0, 64, page * 4096);
    await open();
    await storage.check();
    await expect(storage.query('SELECT count(*) FROM note NOT INDEXED')).rejects.toMatchObject({
      reason: 'STORAGE_CORRUPT',
    });
    await expect(storage.check()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT', code: Status.DATA_LOSS });
  });
});
