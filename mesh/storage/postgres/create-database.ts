import pg from 'pg';
import { sqlState } from './errors.ts';

const noSuchDatabase = '3D000';
// When two processes create it, the later one finds it or its entry in the catalogue.
const createdByAnother = ['42P04', '23505'];

/**
 * Creates the database of the URL unless it exists. A new one compares and sorts text by its bytes, as SQLite does. That needs
 * a role that may create databases.
 */
export async function ensureDatabase(config: pg.ClientConfig, url: URL): Promise<void> {
  try {
    await withClient(config, async () => undefined);
  } catch (error) {
    if (sqlState(error) !== noSuchDatabase) throw error;
    await createDatabase(config, url);
  }
}

async function createDatabase(config: pg.ClientConfig, url: URL): Promise<void> {
  const name = pg.escapeIdentifier(decodeURIComponent(url.pathname.slice(1)));
  const maintenance = new URL(url);
  maintenance.pathname = '/postgres';
  await withClient({ ...config, connectionString: maintenance.href }, async (client) => {
    try {
      await client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
    } catch (error) {
      if (!createdByAnother.includes(sqlState(error) ?? '')) throw error;
    }
  });
}

/** Runs `action` with a separate connection. */
export async function withClient(
  config: pg.ClientConfig,
  action: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client(config);
  // The caller of a statement gets its rejection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await action(client);
  } finally {
    await client.end();
  }
}
