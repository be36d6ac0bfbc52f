import { existsSync } from 'node:fs';
import { copyFile, cp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { both, keeps, refusal, testStarts } from './testing/test-starts.ts';

const starts = testStarts();
const { run, file, adopted, withoutManifest, warnings } = starts;

describe('a start on a data folder', () => {
  it('warns of each database that noted a later time than the clock shows', async () => {
    await run();
    for (const name of ['order', 'events']) {
      const database = new DatabaseSync(file(name));
      database.prepare('UPDATE storage_probe SET clock_ms = ?').run(Date.now() + 86_400_000);
      database.close();
    }
    starts.clearLog();
    await run();
    const warnings = starts.log.lines.filter(({ msg }) => msg.startsWith('the clock of this machine is behind'));
    const named = warnings.map(({ database, location }) => `${database} ${location}`);
    expect(named.toSorted()).toEqual([`events ${file('events')}`, `order ${file('order')}`]);
  });

  it.each(['order', 'events', 'tasks'])('is refused if the database %s is missing, and creates none', async (name) => {
    await run();
    await rm(file(name));
    await expect(run()).rejects.toEqual(refusal(name, `${file(name)}.*is missing or empty`));
    expect(existsSync(file(name))).toBe(false);
  });

  it('is refused when a database is empty', async () => {
    await run();
    await truncate(file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is missing or empty'));
  });

  it('is refused when a database is of another folder', async () => {
    const other = join(starts.folder, 'other');
    await run();
    await run(both, other);
    await copyFile(file('order', other), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'its id differs'));
  });

  it('is refused when a database is that of another service', async () => {
    await run();
    await copyFile(file('user'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is the database user'));
    await rm(join(starts.data, 'manifest.json'));
    await expect(run()).rejects.toEqual(refusal('order', 'is the database user'));
  });

  it('is refused when a database is new and the manifest knows another', async () => {
    await run();
    await rm(file('order'));
    new DatabaseSync(file('order')).exec('CREATE TABLE t (x)');
    await expect(run()).rejects.toEqual(refusal('order', 'it is new, or older than the manifest'));
  });

  it('is refused when one database comes from an older backup than the others', async () => {
    await run();
    await copyFile(file('order'), join(starts.folder, 'backup'));
    await run();
    await copyFile(join(starts.folder, 'backup'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is older than the others'));
  });

  it('is refused when all but one database come from a backup, until that one does too', async () => {
    const backup = join(starts.folder, 'backup');
    await run();
    await cp(starts.data, backup, { recursive: true });
    await run();
    await copyFile(file('order'), join(starts.folder, 'newer'));
    await cp(backup, starts.data, { recursive: true, force: true });
    await copyFile(join(starts.folder, 'newer'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is newer than the manifest'));
    await cp(backup, starts.data, { recursive: true, force: true });
    await run();
  });

  it('is refused when its manifest is damaged', async () => {
    await run();
    for (const text of ['', '{}', '{"start": 1, "databases": {"sqlite:order": {}}}']) {
      await writeFile(join(starts.data, 'manifest.json'), text);
      await expect(run()).rejects.toMatchObject({
        reason: 'DATA_MISMATCH',
        message: expect.stringContaining(starts.data),
      });
    }
  });

  it('uses the existing databases if the manifest is missing, and warns in one line', async () => {
    await run();
    await rm(file('order'));
    await rm(join(starts.data, 'manifest.json'));
    await run();
    const line = {
      found: ['events', 'tasks', 'user'],
      created_empty: ['order'],
      folder: starts.data,
      msg: expect.stringMatching('restore a backup.*make audit'),
    };
    expect(warnings()).toEqual([expect.objectContaining(line)]);
    expect(withoutManifest()).toHaveLength(1);
    await run();
    expect(withoutManifest()).toHaveLength(1);
    expect(adopted()).toEqual([]);
  });

  it('logs which databases it found and created without a manifest, even if it is refused', async () => {
    await run();
    await rm(file('order'));
    await rm(join(starts.data, 'manifest.json'));
    const refused = testService('refused', () => Promise.reject(new Error('refused')));
    await expect(run([...both, refused])).rejects.toThrow('refused');
    expect(withoutManifest()).toEqual([
      expect.objectContaining({ found: ['events', 'tasks', 'user'], created_empty: ['order'] }),
    ]);
  });

  it('takes a manifest without databases for a start that was interrupted', async () => {
    await run();
    await rm(file('order'));
    await writeFile(join(starts.data, 'manifest.json'), '{"start": 1, "databases": {}}');
    await run();
    expect(warnings()).toEqual([
      expect.objectContaining({ found: ['events', 'tasks', 'user'], created_empty: ['order'] }),
    ]);
  });

  it('logs a database that it creates although other databases are listed', async () => {
    await run([keeps('user')]);
    starts.clearLog();
    await run();
    expect(starts.log.lines).toContainEqual(
      expect.objectContaining({ database: 'order', msg: expect.stringMatching(/^created a database/) }),
    );
  });

  it('adopts a database that the manifest does not list', async () => {
    await run([keeps('user')]);
    const other = join(starts.folder, 'other');
    await run([keeps('order')], other);
    await copyFile(file('order', other), file('order'));
    starts.clearLog();
    await run();
    expect(adopted()).toEqual(['order']);
    expect(warnings()).toEqual([]);
  });

  it('adopts a folder from before the manifest, once', async () => {
    await run();
    await rm(join(starts.data, 'manifest.json'));
    for (const name of ['order', 'user', 'events', 'tasks']) {
      const database = new DatabaseSync(file(name));
      database.exec("DROP TABLE database_identity; DELETE FROM schema_migration WHERE set_name = 'identity'");
      database.close();
    }
    await run();
    expect(withoutManifest()).toEqual([
      expect.objectContaining({ level: 'info', found: ['events', 'tasks', 'order', 'user'], created_empty: [] }),
    ]);
    await run();
    expect(withoutManifest()).toHaveLength(1);
    await rm(file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is missing'));
  });

  it('creates a new mesh if the whole folder was removed', async () => {
    await run();
    await rm(starts.data, { recursive: true });
    await run();
    expect([...adopted(), ...withoutManifest()]).toEqual([]);
  });

  it('runs some services, then others, then all, and compares their databases', async () => {
    await run([keeps('user')]);
    await run([keeps('order')]);
    await run();
    await rm(file('user'));
    await run([keeps('order')]);
    await expect(run()).rejects.toEqual(refusal('user', 'is missing'));
  });

  it('logs the databases of services that it does not run', async () => {
    const notOpened = () =>
      starts.log.lines.filter(({ msg }) => msg.startsWith('databases of the data folder are not'));
    await run();
    expect(notOpened()).toEqual([]);
    await run([keeps('order')]);
    expect(notOpened()).toEqual([expect.objectContaining({ level: 'info', databases: ['user'], folder: starts.data })]);
  });

  it('is refused with another kind of database after a first start that failed when it had accepted calls', async () => {
    const fails = testService('order', async (runtime) => {
      const storage = await runtime.openStorage('order');
      await storage.migrate('order', [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' }]);
      const start = async () => {
        // As a call does that comes now.
        await storage.execute('INSERT INTO note (id) VALUES (1)');
        throw new Error('fails late');
      };
      return { start };
    });
    await expect(run([fails])).rejects.toThrow('fails late');
    const other = { DATABASE_URL: 'postgres://127.0.0.1:1/<service>' };
    await expect(run([keeps('order')], starts.data, other)).rejects.toEqual(
      refusal('order', 'is on a PostgreSQL server, and the one of the last start a file'),
    );
    await run([keeps('order')]);
  });

  it('works after the folder was moved', async () => {
    await run();
    await cp(starts.data, join(starts.folder, 'moved'), { recursive: true });
    await run(both, join(starts.folder, 'moved'));
  });
});
