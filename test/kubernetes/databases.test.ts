import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDeadLetterStore } from '../../mesh/dead-letters/store.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { runnableServices } from '../../services/all.ts';

const sources = new URL('../../', import.meta.url);
const withDatabase = runnableServices.filter(({ name }) => !['bridge', 'edge', 'gateway'].includes(name));

describeWithServer(postgres, 'deploy/kubernetes/databases.sql', () => {
  let server: PostgresServer;
  const urlOf = (user: string, database: string) => server.url(database).replace('//postgres@', `//mesh_${user}@`);

  beforeAll(async () => {
    server = await startPostgres();
    const script = await readFile(new URL('deploy/kubernetes/databases.sql', sources), 'utf8');
    const client = new pg.Client({ connectionString: server.url('postgres') });
    await client.connect();
    // One by one, as psql does: databases cannot be created in a transaction.
    for (const statement of script.replaceAll(/^--.*$/gm, '').split(';\n')) await client.query(statement);
    await client.end();
  });
  afterAll(() => server.stop());

  it.each(withDatabase.map((service) => [service.name, service] as const))(
    'lets %s start as its own user, which may open no database of another service',
    async (name, service) => {
      const mesh = await startMesh([service], {
        DATABASE_URL: urlOf(name, 'mesh_<service>'),
        DISCOVERY_URL: 'dns:127.0.0.1:1',
      });
      await mesh.stop();
      for (const other of withDatabase) {
        if (other.name === name) continue;
        await expect(openStorage(urlOf(name, `mesh_${other.name}`))).rejects.toThrow(/permission denied for database/);
      }
    },
  );

  it('lets notification and ops have the dead letters of tasks together, whoever comes first, and nobody else', async () => {
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
    await expect(openStorage(urlOf('order', 'mesh_tasks'))).rejects.toThrow(/permission denied for database/);
  });
});
