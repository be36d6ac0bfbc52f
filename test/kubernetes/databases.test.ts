import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDeadLetterStore } from '../../mesh/dead-letters/store.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { runnableServices } from '../../services/all.ts';
import { usesTasks } from './support/declared-clients.ts';

const file = fileURLToPath(new URL('../../deploy/kubernetes/databases.sql', import.meta.url));
const withDatabase = runnableServices.filter(({ name }) => !['bridge', 'edge', 'gateway'].includes(name));

it('docs/kubernetes.md sets a password for each user of databases.sql', async () => {
  const page = await readFile(fileURLToPath(new URL('../../docs/kubernetes.md', import.meta.url)), 'utf8');
  const [, users = ''] = /^ {3}for user in (\$\(sed .*\)); do$/m.exec(page) ?? [];
  const { stdout } = await promisify(execFile)('sh', ['-c', `echo ${users}`]);
  expect(stdout.trim().split(' ')).toEqual(expect.arrayContaining(withDatabase.map(({ name }) => `mesh_${name}`)));
});

describeWithServer(postgres, 'deploy/kubernetes/databases.sql', () => {
  let server: PostgresServer;
  /** Where it is installed: without it, tasks are tested without the start of the services that use them. */
  let broker: RabbitmqServer | undefined;
  const urlOf = (user: string, database: string) => server.url(database).replace('//postgres@', `//mesh_${user}@`);
  /** Applies a script as the documentation says. Returns what psql reports. */
  const apply = async (script: string) => {
    const { stderr } = await promisify(execFile)('psql', ['-Xq', '-d', server.url('postgres'), '-f', script]);
    return stderr.split('\n').filter((line) => line !== '');
  };

  beforeAll(async () => {
    server = await startPostgres();
    expect(await apply(file)).toEqual([]);
    if (rabbitmq.version !== undefined) broker = await startRabbitmq();
  });
  afterAll(async () => {
    await broker?.stop();
    await server.stop();
  });

  it.each(withDatabase.map((service) => [service.name, service] as const))(
    'lets two instances of %s start as its own user, which may open no database of another service',
    async (name, service) => {
      const withTasks = broker !== undefined && (await usesTasks(name));
      const isEmbedded = broker === undefined && (await usesTasks(name));
      const settings = {
        DATABASE_URL: urlOf(name, 'mesh_<service>'),
        DISCOVERY_URL: 'dns:127.0.0.1:1',
        // As deployed: events are on a server, too. Nothing waits for it.
        EVENTS_URL: 'kafka://127.0.0.1:1',
        TASKS_URL: broker && withTasks ? broker.url : isEmbedded ? 'embedded:tasks.db' : 'off',
      };
      const meshes = [await startMesh([service], settings)];
      if (!isEmbedded) meshes.push(await startMesh([service], settings));
      // With a broker, this opens the dead letters of tasks, in the database that both users have.
      if (withTasks) expect(await meshes[0]?.runtime.tasks.deadLetters.count()).toEqual([]);
      await Promise.all(meshes.map((mesh) => mesh.stop()));
      for (const other of withDatabase) {
        if (other.name === name) continue;
        await expect(openStorage(urlOf(name, `mesh_${other.name}`))).rejects.toThrow(/permission denied for database/);
      }
    },
  );

  it('lets notification and ops have the dead letters of tasks together, whoever comes first', async () => {
    const first = await openStorage(urlOf('notification', 'mesh_tasks'));
    await createDeadLetterStore(first, { clock: systemClock });
    await first.migrate('more', [{ name: '0001', sql: 'CREATE TABLE more (a INTEGER)' }]);
    const second = await openStorage(urlOf('ops', 'mesh_tasks'));
    const later = [
      { name: '0001', sql: 'CREATE TABLE more (a INTEGER)' },
      { name: '0002', sql: 'ALTER TABLE more ADD COLUMN b INTEGER' },
    ];
    await second.migrate('more', later);
    await createDeadLetterStore(second, { clock: systemClock });
    await Promise.all([first.close(), second.close()]);
  });

  it.each([
    ['mesh_tasks', ['notification', 'ops']],
    ['mesh_carrier', ['shipping']],
  ])('lets nobody else open %s', async (database, users) => {
    const others = withDatabase.filter(({ name }) => !users.includes(name));
    expect(others.length).toBe(withDatabase.length - users.length);
    for (const { name } of others)
      await expect(openStorage(urlOf(name, database))).rejects.toThrow(/permission denied for database/);
    for (const name of users) await (await openStorage(urlOf(name, database))).close();
  });

  it('takes over databases of one user by the commands of docs/kubernetes.md', async () => {
    const page = await readFile(new URL('../../docs/kubernetes.md', import.meta.url), 'utf8');
    const commandOf = (beginning: string) =>
      new RegExp(`\`(${beginning} [^\`]+)\``).exec(page.replaceAll(/\s+/g, ' '))?.[1] ?? '';
    const [reassign, own] = [commandOf('REASSIGN OWNED'), commandOf('ALTER DATABASE')];
    const fill = (command: string, service: string) =>
      `${command.replace('<that user>', 'shop').replaceAll('<service>', service)};`;
    const databases = ['one', 'two'];
    const script = [
      'CREATE ROLE shop LOGIN;',
      ...databases.flatMap((name) => [
        `CREATE ROLE mesh_${name} LOGIN;`,
        `CREATE DATABASE mesh_${name} OWNER shop;`,
        `REVOKE CONNECT, TEMPORARY ON DATABASE mesh_${name} FROM PUBLIC;`,
        `\\connect mesh_${name}`,
        'CREATE TABLE kept (a INTEGER);',
        'ALTER TABLE kept OWNER TO shop;',
      ]),
      ...databases.flatMap((name) => [`\\connect mesh_${name}`, fill(reassign, name)]),
      ...databases.map((name) => fill(own, name)),
    ];
    await using folder = await tempFolder();
    await writeFile(`${folder.path}/takeover.sql`, script.join('\n'));
    expect(await apply(`${folder.path}/takeover.sql`)).toEqual([]);
    const storage = await openStorage(urlOf('one', 'mesh_one'));
    await storage.migrate('more', [{ name: '0001', sql: 'ALTER TABLE kept ADD COLUMN b INTEGER' }]);
    await storage.close();
    for (const [user, database] of [
      ['one', 'mesh_two'],
      ['two', 'mesh_one'],
    ] as const)
      await expect(openStorage(urlOf(user, database))).rejects.toThrow(/permission denied for database/);
  });

  it('can be applied again, which creates what a new service needs', async () => {
    await using folder = await tempFolder();
    const longer = `${folder.path}/longer.sql`;
    const script = await readFile(file, 'utf8');
    const newLines = /^.*\bmesh_user\b.*;$/gm;
    const added = (script.match(newLines) ?? []).map((line) => line.replaceAll('mesh_user', 'mesh_later'));
    expect(added).toHaveLength(3);
    await writeFile(longer, `${script}\n${added.join('\n')}\n`);
    const reports = await apply(longer);
    expect(reports.length).toBeGreaterThan(0);
    for (const line of reports)
      expect(line).toMatch(/(already exists|has already been granted .*|already a member .*)$/);
    await (await openStorage(urlOf('later', 'mesh_later'))).close();
    await expect(openStorage(urlOf('user', 'mesh_later'))).rejects.toThrow(/permission denied for database/);
  });
});
