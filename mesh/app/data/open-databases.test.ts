import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, cp, open as openFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../config/config.ts';
import type { Storage } from '../../storage/storage.ts';
import { type CapturedLog, captureLog } from '../../testing/captured-log.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { testService } from '../../testing/test-service.ts';
import { startApp } from '../start-app.ts';
import { claimDataFolder } from './data-folder.ts';
import { openDatabases } from './open-databases.ts';

const keeps = (name: string) =>
  testService(name, async (runtime) => {
    const storage = await runtime.openStorage(name);
    await storage.migrate(name, [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' }]);
    return {};
  });
const cannotStart = testService('late', async () => ({ start: () => Promise.reject(new Error('cannot start')) }));
const both = [keeps('order'), keeps('user')];

let folder: TempFolder;
let data: string;
let log: CapturedLog;

beforeEach(async () => {
  folder = await tempFolder();
  data = join(folder.path, 'data');
  log = captureLog();
});
afterEach(() => folder[Symbol.asyncDispose]());

const settings = { GRPC_LISTEN: '127.0.0.1:0' };

/** Starts and stops the services once. */
async function run(creators = both, dataDir = data, environment: Record<string, string> = {}): Promise<void> {
  const app = await startApp(readConfig({ ...settings, ...environment, DATA_DIR: dataDir }), creators, log.logger);
  await app.stop();
}

function refusal(database: string, fault: string) {
  return expect.objectContaining({
    reason: 'DATA_MISMATCH',
    message: expect.stringMatching(`^database ${database} .*${fault}.*restore.*manifest.json$`),
  });
}

const file = (name: string, of = data) => join(of, `${name}.db`);
const adopted = () => log.lines.filter(({ msg }) => msg.startsWith('adopted')).map(({ database }) => database);
const withoutManifest = () => log.lines.filter(({ msg }) => msg.startsWith('data folder has no manifest.json'));
const warnings = () => log.lines.filter(({ level }) => level !== 'info');

describe('a start on a data folder', () => {
  it('warns of each database that noted a later time than the clock shows', async () => {
    await run();
    for (const name of ['order', 'events']) {
      const database = new DatabaseSync(file(name));
      database.prepare('UPDATE storage_probe SET clock_ms = ?').run(Date.now() + 86_400_000);
      database.close();
    }
    log = captureLog();
    await run();
    const warnings = log.lines.filter(({ msg }) => msg.startsWith('the clock of this machine is behind'));
    const named = warnings.map(({ database, location }) => `${database} ${location}`);
    expect(named.toSorted()).toEqual([`events ${file('events')}`, `order ${file('order')}`]);
  });

  it.each(['order', 'events', 'tasks'])('is refused when the database %s is gone, and makes none', async (name) => {
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
    const other = join(folder.path, 'other');
    await run();
    await run(both, other);
    await copyFile(file('order', other), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'its id differs'));
  });

  it('is refused when a database is that of another service', async () => {
    await run();
    await copyFile(file('user'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is the database user'));
    await rm(join(data, 'manifest.json'));
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
    await copyFile(file('order'), join(folder.path, 'backup'));
    await run();
    await copyFile(join(folder.path, 'backup'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is older than the others'));
  });

  it('is refused when all but one database come from a backup, until that one does too', async () => {
    const backup = join(folder.path, 'backup');
    await run();
    await cp(data, backup, { recursive: true });
    await run();
    await copyFile(file('order'), join(folder.path, 'newer'));
    await cp(backup, data, { recursive: true, force: true });
    await copyFile(join(folder.path, 'newer'), file('order'));
    await expect(run()).rejects.toEqual(refusal('order', 'is newer than the manifest'));
    await cp(backup, data, { recursive: true, force: true });
    await run();
  });

  it('is refused when its manifest is damaged', async () => {
    await run();
    for (const text of ['', '{}', '{"start": 1, "databases": {"sqlite:order": {}}}']) {
      await writeFile(join(data, 'manifest.json'), text);
      await expect(run()).rejects.toMatchObject({ reason: 'DATA_MISMATCH', message: expect.stringContaining(data) });
    }
  });

  it('goes on with what is there once the manifest was deleted, and warns in one line', async () => {
    await run();
    await rm(file('order'));
    await rm(join(data, 'manifest.json'));
    await run();
    const line = {
      found: ['events', 'tasks', 'user'],
      created_empty: ['order'],
      folder: data,
      msg: expect.stringMatching('restore a backup.*make audit'),
    };
    expect(warnings()).toEqual([expect.objectContaining(line)]);
    expect(withoutManifest()).toHaveLength(1);
    await run();
    expect(withoutManifest()).toHaveLength(1);
    expect(adopted()).toEqual([]);
  });

  it('says what it found and made without a manifest, also when it is refused', async () => {
    await run();
    await rm(file('order'));
    await rm(join(data, 'manifest.json'));
    const refused = testService('refused', () => Promise.reject(new Error('refused')));
    await expect(run([...both, refused])).rejects.toThrow('refused');
    expect(withoutManifest()).toEqual([
      expect.objectContaining({ found: ['events', 'tasks', 'user'], created_empty: ['order'] }),
    ]);
  });

  it('adopts a database that the manifest does not list, such as one that was put there', async () => {
    await run([keeps('user')]);
    const other = join(folder.path, 'other');
    await run([keeps('order')], other);
    await copyFile(file('order', other), file('order'));
    log = captureLog();
    await run();
    expect(adopted()).toEqual(['order']);
    expect(warnings()).toEqual([]);
  });

  it('adopts a folder from before the manifest, once', async () => {
    await run();
    await rm(join(data, 'manifest.json'));
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

  it('makes a new mesh where the whole folder was removed', async () => {
    await run();
    await rm(data, { recursive: true });
    await run();
    expect([...adopted(), ...withoutManifest()]).toEqual([]);
  });

  it('takes some of the services, then others, then all, and compares those that it runs', async () => {
    await run([keeps('user')]);
    await run([keeps('order')]);
    await run();
    await rm(file('user'));
    await run([keeps('order')]);
    await expect(run()).rejects.toEqual(refusal('user', 'is missing'));
  });

  it('works wherever the folder was moved', async () => {
    await run();
    await cp(data, join(folder.path, 'moved'), { recursive: true });
    await run(both, join(folder.path, 'moved'));
  });

  it('is refused after a run that was cut short when the structure of a database is damaged', async () => {
    await run();
    const database = new DatabaseSync(file('order'));
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO note SELECT i FROM n`,
    );
    database.close();
    await using handle = await openFile(file('order'), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, size - 4096);
    await run();
    await writeFile(join(data, '.running'), '');
    await expect(run()).rejects.toMatchObject({
      reason: 'STORAGE_CORRUPT',
      message: expect.stringContaining(`${file('order')} is damaged`),
    });
  });

  it('keeps in mind that a run was cut short until a start has opened everything', async () => {
    await run();
    await writeFile(join(data, '.running'), '');
    await copyFile(file('order'), join(folder.path, 'kept'));
    await rm(file('order'));
    await expect(run()).rejects.toThrow();
    await copyFile(join(folder.path, 'kept'), file('order'));
    const claimed = claimDataFolder(data);
    expect(claimed.wasAbandoned).toBe(true);
    claimed.release();
    await run();
    expect(claimDataFolder(data).wasAbandoned).toBe(false);
  });

  it.each([
    ['an address of a service that nobody knows', { DISCOVERY_URL: 'static:ordr=127.0.0.1:1' }],
    ['a port that is not one of this machine', { GRPC_LISTEN: '192.0.2.1:0' }],
  ])('keeps that in mind when a start is refused for %s', async (_title, environment: Record<string, string>) => {
    await run();
    await writeFile(join(data, '.running'), '');
    await expect(run(both, data, environment)).rejects.toThrow(/ordr|192\.0\.2\.1/);
    const claimed = claimDataFolder(data);
    expect(claimed.wasAbandoned).toBe(true);
    claimed.release();
    await expect(run([...both, cannotStart])).rejects.toThrow('cannot start');
    expect(claimDataFolder(data).wasAbandoned).toBe(true);
  });
});

describe('a process that is killed while it opens its databases', () => {
  const program = fileURLToPath(new URL('./testing/open-until-killed.ts', import.meta.url));

  /** Opens until the step, and says whether it was killed by then. */
  async function openUntil(step: number): Promise<boolean> {
    const child = spawn(process.execPath, [program, data, String(step)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [, signal] = await once(child, 'exit');
    return signal === 'SIGKILL';
  }

  it('leaves a folder that starts, whichever step was its last', { timeout: 240_000 }, async () => {
    let step = 1;
    for (; await openUntil(step); step += 1) {
      await run();
      expect(JSON.parse(await readFile(join(data, 'manifest.json'), 'utf8')).databases).toHaveProperty('sqlite:order');
      // Sometimes a folder with a past, sometimes none.
      if (step % 2 === 0) await rm(data, { recursive: true });
    }
    expect(step).toBeGreaterThan(20);
    expect(await readdir(data)).not.toContain('manifest.json.part');
  });
});

describeWithServer(postgres, 'a start on PostgreSQL', () => {
  let server: PostgresServer;
  beforeEach(async () => {
    server = await startPostgres();
  }, 30_000);
  afterEach(() => server.stop());

  const onServer = (prefix: string) => ({ DATABASE_URL: server.url(`${prefix}_<service>`) });

  /** Changes the database of a service as it lies on the server. */
  async function change(service: string, sql: string): Promise<void> {
    const { openStorage } = await import('../../storage/open.ts');
    const storage: Storage = await openStorage(server.url(`a_${service}`));
    await storage.execute(sql);
    await storage.close();
  }

  it('is refused on another database, and on one that was restored from an older backup', async () => {
    await run(both, data, onServer('a'));
    await run(both, data, onServer('a'));
    await expect(run(both, data, onServer('b'))).rejects.toEqual(refusal('order', 'b_order.*it is new'));
    await change('order', 'UPDATE database_identity SET start = 1');
    await expect(run(both, data, onServer('a'))).rejects.toEqual(refusal('order', 'is older'));
    await change('order', 'UPDATE database_identity SET start = 2');
    await run(both, data, onServer('a'));
  });

  it('takes several processes, each with a folder of its own, on one database', async () => {
    const folders = [1, 2, 3].map((number) => join(folder.path, String(number)));
    await Promise.all(folders.map((each) => run(both, each, onServer('a'))));
    for (const each of [...folders, ...folders]) await run(both, each, onServer('a'));
  });

  it('lets the same folder have databases on SQLite and on PostgreSQL', async () => {
    await run();
    await run(both, data, onServer('a'));
    await run();
  });

  it('opens what a claimed folder does not list without a word about it', async () => {
    const claimed = claimDataFolder(data);
    const databases = openDatabases(claimed, log.logger);
    const storage = await databases.open('order', server.url('a_order'));
    await storage.close();
    databases.reportFound();
    claimed.release();
    expect(log.lines).toEqual([]);
  });
});
