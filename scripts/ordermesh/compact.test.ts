import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';

describe('make compact', () => {
  let folder: TempFolder;

  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function run() {
    await using tool = spawnProcess({ main: 'scripts/ordermesh.ts', args: ['compact'], dataDir: folder.path });
    const { code } = await tool.ended;
    return { code, lines: tool.stdout().trimEnd().split('\n'), errors: tool.stderr() };
  }

  it('shrinks the files of an earlier version, and keeps their content', async () => {
    const path = join(folder.path, 'user.db');
    const file = new DatabaseSync(path);
    file.exec('CREATE TABLE entry (id INTEGER, text BLOB); BEGIN');
    const insert = file.prepare('INSERT INTO entry VALUES (?, zeroblob(10000))');
    for (let id = 0; id < 1_000; id += 1) insert.run(id);
    file.exec('COMMIT; DELETE FROM entry WHERE id > 0');
    file.close();
    expect(await run()).toEqual({
      code: 0,
      lines: [expect.stringMatching(/^user\.db: 1\d\.\d MB -> 0\.0 MB$/)],
      errors: '',
    });
    expect(statSync(path).size).toBeLessThan(100_000);
    const compacted = new DatabaseSync(path);
    expect(compacted.prepare('SELECT id FROM entry').all()).toEqual([{ id: 0 }]);
    expect(compacted.prepare('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 2 });
    compacted.close();
  });

  it('names a file that it cannot compact', async () => {
    await writeFile(join(folder.path, 'user.db'), 'x'.repeat(4_096));
    const { code, errors } = await run();
    expect(code).toBe(2);
    expect(errors).toMatch(/user\.db cannot be compacted, its content is unchanged: .*not a database; it needs/);
  });

  it('refuses the files of a running mesh, and a folder without files', async () => {
    const empty = await run();
    expect(empty).toMatchObject({ code: 2, errors: expect.stringContaining('has no SQLite files') });
    await using file = spawnProcess({ main: 'scripts/ordermesh.ts', args: ['compact'], dataDir: '/etc/passwd' });
    expect((await file.ended).code).toBe(2);
    expect(file.stderr()).toMatch(/^ENOTDIR: .*: set DATA_DIR to the data folder of the mesh\n/);
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    expect(await run()).toMatchObject({ code: 2, errors: expect.stringContaining(`used by process ${process.pid} `) });
    await mesh.stop();
  });
});
