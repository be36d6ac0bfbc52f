import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../config/config.ts';
import type { Storage } from '../../storage/storage.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { testService } from '../../testing/test-service.ts';
import { claimDataFolder } from './data-folder.ts';
import { openDatabases } from './open-databases.ts';
import { both, keeps, refusal, testStarts } from './testing/test-starts.ts';

const starts = testStarts();
const { run } = starts;

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
    await run(both, starts.data, onServer('a'));
    await run(both, starts.data, onServer('a'));
    await expect(run(both, starts.data, onServer('b'))).rejects.toEqual(refusal('order', 'b_order.*it is new'));
    await change('order', 'UPDATE database_identity SET start = 1');
    await expect(run(both, starts.data, onServer('a'))).rejects.toEqual(refusal('order', 'is older'));
    await change('order', 'UPDATE database_identity SET start = 2');
    await run(both, starts.data, onServer('a'));
  });

  it('accepts several processes on one database, each with its own folder', async () => {
    const folders = [1, 2, 3].map((number) => join(starts.folder, String(number)));
    await Promise.all(folders.map((each) => run(both, each, onServer('a'))));
    for (const each of [...folders, ...folders]) await run(both, each, onServer('a'));
  });

  it('logs for a further process which databases it found, without a warning', async () => {
    await run(both, starts.data, onServer('a'));
    starts.clearLog();
    await run(both, join(starts.folder, 'further'), onServer('a'));
    expect(starts.warnings()).toEqual([]);
    const found = starts.log.lines.filter(({ msg }) => msg.startsWith('shares a database'));
    expect(found.map(({ database }) => database)).toEqual(['order', 'user']);
  });

  it('is refused if the last start had the databases in files', async () => {
    await run();
    await expect(run(both, starts.data, onServer('a'))).rejects.toEqual(
      refusal('order', 'a_order.*is on a PostgreSQL server, and the one of the last start a file'),
    );
    await run();
  });

  it('is refused without the URL of the server on which the last start had the databases', async () => {
    await run(both, starts.data, onServer('a'));
    await expect(run()).rejects.toEqual(
      refusal('order', 'order.db.*is a file, and the one of the last start on a PostgreSQL server'),
    );
    expect(existsSync(starts.file('order'))).toBe(false);
    await run(both, starts.data, onServer('a'));
  });

  it('goes by the last start if an earlier version has used databases of both kinds', async () => {
    await run();
    const [manifest, file] = [JSON.parse(readFileSync(join(starts.data, 'manifest.json'), 'utf8')), 'manifest.json'];
    await rm(join(starts.data, file));
    await run(both, starts.data, onServer('a'));
    const newer = JSON.parse(readFileSync(join(starts.data, file), 'utf8'));
    const databases = { ...manifest.databases, ...newer.databases };
    await writeFile(join(starts.data, file), JSON.stringify({ ...newer, databases }));
    await expect(run()).rejects.toEqual(refusal('order', 'is a file'));
    await run(both, starts.data, onServer('a'));
  });

  it('makes nothing when it is refused, so the right URL is accepted afterwards', async () => {
    await run(both, starts.data, onServer('a'));
    // Built first: it would be made before the others are refused.
    const three = [keeps('new'), ...both];
    await expect(run(three)).rejects.toEqual(refusal('order', 'is a file'));
    expect(existsSync(starts.file('new'))).toBe(false);
    await run(three, starts.data, onServer('a'));
  });

  it('accepts the URL of a server after a first start that made files and then failed', async () => {
    const fails = testService('fails', () => Promise.reject(new Error('fails')));
    await expect(run([...both, fails])).rejects.toThrow('fails');
    expect(existsSync(starts.file('order'))).toBe(true);
    await run(both, starts.data, onServer('a'));
    await expect(run()).rejects.toEqual(refusal('order', 'is a file'));
  });

  it('accepts embedded queues after those of a broker, whose dead letters are on the server, and the other way round', async () => {
    // As the dead letters of RabbitMQ are opened, when the first queue is used.
    const opensLetters = async () => {
      const claimed = claimDataFolder(starts.data);
      const databases = openDatabases(claimed, starts.log.logger, readConfig({}));
      const storage = await databases.open('tasks', server.url('a_tasks'));
      await storage.close();
      claimed.opened();
      claimed.release();
    };
    await run(both, starts.data, onServer('a'));
    await opensLetters();
    await run(both, starts.data, onServer('a'));
    await opensLetters();
  });

  it('accepts services on PostgreSQL next to others in files', async () => {
    const [order, user] = both;
    await run([order ?? expect.fail()]);
    await run([user ?? expect.fail()], starts.data, onServer('a'));
    await run([order ?? expect.fail()]);
  });

  it('adopts databases that a claimed folder does not list, without logging it', async () => {
    const claimed = claimDataFolder(starts.data);
    const databases = openDatabases(claimed, starts.log.logger, readConfig({}));
    const storage = await databases.open('order', server.url('a_order'));
    await storage.close();
    databases.reportFound();
    claimed.release();
    expect(starts.log.lines).toEqual([]);
  });
});
