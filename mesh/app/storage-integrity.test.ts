import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../audit/audit.ts';
import { startMesh } from '../testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';
import { testService } from '../testing/test-service.ts';

const notes = testService('notes', async (runtime) => {
  const storage = await runtime.openStorage('notes');
  await storage.migrate('notes', [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)' }]);
  return {};
});

describe('storage/integrity', () => {
  let folder: TempFolder;

  beforeEach(async () => {
    folder = await tempFolder();
    const mesh = await startMesh([notes], { DATA_DIR: folder.path });
    const { events, tasks } = mesh.runtime;
    await events.ensureTopic('t', { partitions: 1 });
    const one = { topic: 't', key: 'a', headers: {}, value: Buffer.from('x'), timeMs: Date.now() };
    await events.publish([one, one, one]);
    await tasks.enqueue(
      'jobs',
      ['a', 'b'].map((id) => ({ id, payload: Buffer.from(id), headers: {} })),
    );
    await mesh.stop();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const file = (name: string) => join(folder.path, name);

  function change(name: string, sql: string): void {
    const database = new DatabaseSync(file(name));
    database.exec(sql);
    database.close();
  }

  async function audit(): Promise<{ examined: number; findings: Finding[] }> {
    const mesh = await startMesh([notes], { DATA_DIR: folder.path });
    let examined = 0;
    const progress = {
      examined(count: number) {
        examined += count;
      },
    };
    try {
      const [check] = mesh.runtime.audits;
      const findings = await Array.fromAsync(check?.run(progress, new AbortController().signal) ?? []);
      return { examined, findings };
    } finally {
      await mesh.stop();
    }
  }

  it('finds nothing if nothing is damaged, and examines everything', async () => {
    change('notes.db', "INSERT INTO note VALUES (-5, 'below'), (7, 'above')");
    const { examined, findings } = await audit();
    expect(findings).toEqual([]);
    expect(examined).toBeGreaterThan(7);
  });

  it('finds a damaged event, a damaged task and a damaged database', async () => {
    change('events.db', "UPDATE record SET headers = '[]' WHERE id & 255 = 1");
    change('tasks.db', "UPDATE queued_task SET payload = X'00' WHERE id = 'b'");
    change(
      'notes.db',
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
       INSERT INTO note SELECT i, hex(zeroblob(50)) FROM n`,
    );
    await using handle = await openFile(file('notes.db'), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, size - 4096);
    const { findings } = await audit();
    expect(findings.map(({ reason, message }) => [reason, message.slice(0, message.indexOf(' is damaged'))])).toEqual(
      expect.arrayContaining([
        ['STORAGE_CORRUPT', `event log ${file('events.db')}`],
        ['STORAGE_CORRUPT', `task queue ${file('tasks.db')}`],
        ['STORAGE_CORRUPT', `database ${file('notes.db')}`],
      ]),
    );
  });
});
