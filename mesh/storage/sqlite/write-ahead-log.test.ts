import { fstatSync, statSync } from 'node:fs';
import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage, Transaction } from '../storage.ts';
import { openSqlite } from './sqlite.ts';
import { type FlushFile, flushInThreadPool } from './write-ahead-log.ts';

const notes = { name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)' };
const failed = { code: 14, reason: 'STORAGE_FLUSH_FAILED', message: expect.stringContaining('EIO: disk failed') };

describe('the write-ahead log of a SQLite file', () => {
  let folder: TempFolder;
  let flushes: number;
  /** What a flush of the log, or of the file, does before it succeeds. */
  let disk: () => unknown;
  let diskOfFile: () => unknown;

  beforeEach(async () => {
    folder = await tempFolder();
    flushes = 0;
    disk = () => undefined;
    diskOfFile = () => undefined;
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const flushFile: FlushFile = async (descriptor) => {
    if (fstatSync(descriptor).ino === statSync(join(folder.path, 'test.db')).ino) {
      await diskOfFile();
    } else {
      flushes += 1;
      await disk();
    }
    await flushInThreadPool(descriptor);
  };
  async function open(name = 'test.db'): Promise<Storage> {
    const storage = await openSqlite(join(folder.path, name), { exclusive: true, flushFile });
    // It fails after a failed flush.
    onTestFinished(() => storage.close().catch(() => undefined));
    await storage.migrate('test', [notes]);
    flushes = 0;
    return storage;
  }
  /** Makes flushes wait until the returned function is called. */
  function holdDisk(): () => void {
    const held = Promise.withResolvers<void>();
    disk = () => held.promise;
    return held.resolve;
  }
  const add = (id: number) => (tx: Transaction) => tx.execute('INSERT INTO note (id) VALUES ($1)', [id]);
  const ids = async (storage: Storage): Promise<number[]> =>
    (await storage.query('SELECT id FROM note ORDER BY id')).map(({ id }) => Number(id));
  const copy = async (name: string): Promise<void> => {
    for (const part of ['', '-wal'])
      await copyFile(join(folder.path, `test.db${part}`), join(folder.path, `${name}.db${part}`));
  };
  /** Makes the log long enough for a checkpoint, and empties the table again. */
  const fill = (storage: Storage): Promise<unknown> =>
    storage.transaction(async (tx) => {
      await tx.execute('INSERT INTO note (id, text) VALUES (1000, $1)', ['x'.repeat(9 * 2 ** 20)]);
      await tx.execute('DELETE FROM note WHERE id = 1000');
    });
  const turns = async (count = 20): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
  };
  /** Adds to the returned list what has ended. */
  function watch(calls: Readonly<Record<string, Promise<unknown>>>): string[] {
    const ended: string[] = [];
    for (const [name, call] of Object.entries(calls)) {
      const end = () => void ended.push(name);
      call.then(end, end);
    }
    return ended;
  }

  it('is on the disk before an answer, an action, a refusal or a read shows a commit', async () => {
    const storage = await open();
    const release = holdDisk();
    const refusal = new Error('there is a note');
    let actions = 0;
    const commit = storage.transaction(async (tx) => {
      tx.afterCommit(() => {
        actions += 1;
      });
      return add(1)(tx);
    });
    const refused = storage.transaction(async (tx) => {
      if ((await tx.query('SELECT id FROM note')).length > 0) throw refusal;
    });
    const ended = watch({ commit, refused });
    await eventually(() => expect(flushes).toBeGreaterThan(0));
    const read = ids(storage);
    ended.push(...watch({ read }));
    await turns();
    expect([ended, actions]).toEqual([[], 0]);
    release();
    expect(await commit).toBe(1);
    await expect(refused).rejects.toBe(refusal);
    expect(await read).toEqual([1]);
    await eventually(() => expect(actions).toBe(1));
  });

  it('lets what waits during a flush share the next one', async () => {
    const storage = await open();
    const release = holdDisk();
    const first = storage.transaction(add(0));
    await eventually(() => expect(flushes).toBeGreaterThan(0));
    flushes = 0;
    const others = Array.from({ length: 50 }, (_, index) => storage.transaction(add(index + 1)));
    await turns();
    release();
    await Promise.all([first, ...others]);
    // One, unless they take more than the time of a batch.
    expect(flushes).toBeLessThan(10);
  });

  it('is not flushed for what wrote nothing, nor for what does not wait for it', async () => {
    const storage = await open();
    await storage.transaction(add(1));
    flushes = 0;
    await storage.transaction((tx) => tx.query('SELECT id FROM note'));
    await storage.transaction((tx) => tx.execute('DELETE FROM note WHERE id = 7'));
    await storage.transaction(add(2), { flush: false });
    expect([await ids(storage), flushes]).toEqual([[1, 2], 0]);
    // A commit that waits covers those before it, even if it wrote nothing itself.
    await storage.transaction((tx) => tx.query('SELECT id FROM note'));
    expect(flushes).toBe(1);
  });

  it('lets a commit that does not wait do so if one before it in its batch does, which it may have seen', async () => {
    const storage = await open();
    const release = holdDisk();
    const refusal = () => Promise.reject(new Error('refused'));
    const ended = watch({
      before: storage.transaction(add(1), { flush: false }),
      waits: storage.transaction(add(2)),
      after: storage.transaction(add(3), { flush: false }),
      refused: storage.transaction(refusal, { flush: false }),
    });
    await eventually(() => expect(ended).toEqual(['before']));
    await turns();
    expect(ended).toEqual(['before']);
    release();
    await eventually(() => expect(ended).toEqual(['before', 'waits', 'after', 'refused']));
  });

  it('accepts nothing more once a flush failed, and reports that when it is closed', async () => {
    const storage = await open();
    await storage.transaction(add(1));
    let actions = 0;
    const fail = Promise.withResolvers<never>();
    disk = () => fail.promise;
    const commit = storage.transaction(async (tx) => {
      tx.afterCommit(() => {
        actions += 1;
      });
      return add(2)(tx);
    });
    const refused = storage.transaction(() => Promise.reject(new Error('refused')));
    flushes = 0;
    await eventually(() => expect(flushes).toBe(1));
    const outcomes = Promise.allSettled([commit, refused, ids(storage), storage.transaction(add(3))]);
    fail.reject(new Error('EIO: disk failed'));
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: failed });
    // The disk seems to work again. What it dropped is still missing.
    disk = () => undefined;
    await expect(storage.transaction(add(4))).rejects.toMatchObject(failed);
    await expect(ids(storage)).rejects.toMatchObject(failed);
    await expect(storage.check()).rejects.toMatchObject(failed);
    expect(actions).toBe(0);
    await expect(storage.close()).rejects.toMatchObject(failed);
    // The next process.
    await copy('again');
    const again = await openSqlite(join(folder.path, 'again.db'), { exclusive: true });
    expect(await ids(again)).toContain(1);
    await again.transaction(add(5));
    await again.close();
  });

  it('is not overwritten before the file has what was copied into it', async () => {
    const storage = await open();
    const held = Promise.withResolvers<void>();
    let copied = false;
    diskOfFile = () => {
      copied = true;
      return held.promise;
    };
    await fill(storage);
    await eventually(() => expect(copied).toBe(true));
    const ended = watch({ next: storage.transaction(add(1)) });
    await turns();
    expect([ended, await ids(storage)]).toEqual([[], []]);
    held.resolve();
    await eventually(() => expect(ended).toEqual(['next']));
  });

  it('is kept if the disk fails to write the file', async () => {
    const storage = await open();
    diskOfFile = () => Promise.reject(new Error('EIO: disk failed'));
    await storage.transaction(add(1));
    await fill(storage);
    await eventually(() => expect(ids(storage)).rejects.toMatchObject(failed));
    await expect(storage.transaction(add(2))).rejects.toMatchObject(failed);
    await expect(storage.close()).rejects.toMatchObject(failed);
    await copy('kept');
    // As if nothing of it had reached the disk.
    await truncate(join(folder.path, 'kept.db'), 4096);
    const kept = await openSqlite(join(folder.path, 'kept.db'), { exclusive: true });
    expect(await ids(kept)).toContain(1);
    await kept.close();
  });

  it('has in each flush what is answered after it', async () => {
    const storage = await open();
    let copies = 0;
    disk = async () => {
      copies += 1;
      await copy(`copy-${copies}`);
    };
    for (let id = 1; id <= 3; id += 1) {
      await storage.transaction(add(id));
      const copied = await openSqlite(join(folder.path, `copy-${copies}.db`));
      expect(await ids(copied)).toContain(id);
      await copied.close();
    }
  });
});
