import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type PostgresServer, postgres, startPostgres } from './servers/postgres-server.ts';
import { describeWithServer } from './servers/servers.ts';
import { type TempFolder, tempFolder } from './temp-folder.ts';

/** Returns the URL of a new database, which is created on open and removed after the suite. `suffix` ends its name. */
export type NewDatabaseUrl = (suffix?: string) => string;

/** Runs a suite on SQLite and on PostgreSQL. The suite must close what it opens. */
export function describeOnEachDatabase(suite: (newUrl: NewDatabaseUrl) => void): void {
  describe('on SQLite', () => {
    let folder: TempFolder;
    beforeAll(async () => {
      folder = await tempFolder();
    });
    afterAll(() => folder[Symbol.asyncDispose]());
    suite((suffix = '') => `sqlite:${join(folder.path, `${randomUUID()}${suffix}.db`)}`);
  });

  describeWithServer(postgres, 'on PostgreSQL', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    }, 30_000);
    afterAll(() => server.stop());
    suite((suffix = '') => server.url(`${randomUUID()}${suffix}`));
  });
}

/** Runs a suite of services on both databases. `settings()` returns settings for `startMesh` with a new database. */
export function describeServicesOnEachDatabase(
  title: string,
  suite: (settings: () => Record<string, string>) => void,
): void {
  describe(title, () => {
    describeOnEachDatabase((newUrl) => suite(() => ({ DATABASE_URL: newUrl('-<service>') })));
  });
}
