import { afterAll, beforeAll, describe } from 'vitest';
import { type PostgresServer, postgres, startPostgres } from './postgres-server.ts';
import { describeWithServer } from './servers.ts';

/** A suite that runs on every database: it gets the settings that `startMesh` takes, to be asked for once tests run. */
export function describeOnDatabases(title: string, suite: (settings: () => Record<string, string>) => void): void {
  describe(`${title} on SQLite`, () => suite(() => ({})));
  describeWithServer(postgres, `${title} on PostgreSQL`, () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server.stop());
    suite(() => ({ DATABASE_URL: server.url('<service>') }));
  });
}
