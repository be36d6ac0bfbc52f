import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import type { Storage } from '../storage.ts';
import { openSqlite } from './sqlite.ts';

describe('the search for damage', () => {
  let folder: TempFolder;
  let storage: Storage;

  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openSqlite(join(folder.path, 'test.db'), { exclusive: true });
    await storage.migrate('test', [
      {
        name: '0001-init',
        sql: 'CREATE TABLE picture (id {{identity}}, bytes BYTEA, text TEXT); CREATE TABLE note (id {{identity}}, text TEXT)',
      },
    ]);
  });
  afterEach(async () => {
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  /** The number of rows that each step reads. */
  async function stepsOf(table: string): Promise<number[]> {
    const others = await storage.query<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != $1",
      [table],
    );
    const steps: number[] = [];
    const search = storage.searchDamage?.(
      (rows) => steps.push(rows),
      others.map(({ name }) => name),
    );
    expect(await Array.fromAsync(search ?? [])).toEqual([]);
    return steps;
  }

  it('reads few large or many small rows per step', async () => {
    await storage.transaction(async (tx) => {
      for (const bytes of [200_000, 200_000, 10, 10, 3_000_000, 100]) {
        await tx.execute('INSERT INTO picture (bytes, text) VALUES ($1, NULL)', [Buffer.alloc(bytes)]);
      }
      // A quarter of a million characters, and twice as many bytes.
      for (let count = 0; count < 2; count += 1) {
        await tx.execute('INSERT INTO picture (bytes, text) VALUES (NULL, $1)', ['ü'.repeat(250_000)]);
      }
      for (let count = 0; count < 450; count += 1) await tx.execute("INSERT INTO note (text) VALUES ('x')", []);
    });
    expect(await stepsOf('picture')).toEqual([1, 3, 1, 1, 1, 1]);
    expect(await stepsOf('note')).toEqual([200, 200, 50]);
  });
});
