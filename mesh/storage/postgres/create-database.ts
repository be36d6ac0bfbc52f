import pg from 'pg';
import { sqlState } from './errors.ts';

const noSuchDatabase = '3D000';
// Two that make it at the same time: the later one finds it made, or its entry in the catalogue taken.
const madeByAnother = ['42P04', '23505'];

/**
 * Makes sure that the database of the URL is there. A new one compares and sorts text by its bytes, as SQLite does; making
 * it needs a role that may.
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
      if (!madeByAnother.includes(sqlState(error) ?? '')) throw error;
    }
  });
}

/** Runs `action` with a connection of its own. */
export async function withClient(
  config: pg.ClientConfig,
  action: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client(config);
  // Whoever waits for a statement gets its rejection.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await action(client);
  } finally {
    await client.end();
  }
}
