import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { messageOf } from '../../errors/error-text.ts';
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
    if (!isMissing(error)) throw error;
    await createDatabase(config, url);
    await waitUntilKnown(config);
  }
}

/** PgBouncer before version 1.21 passes the text of the server on, with another state. */
function isMissing(error: unknown): boolean {
  return sqlState(error) === noSuchDatabase || /^database ".*" does not exist$/s.test(messageOf(error));
}

/** PgBouncer asks the server again 15 s after it has refused a login (`server_login_retry`). */
async function waitUntilKnown(config: pg.ClientConfig): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await withClient(config, async () => undefined);
    } catch (error) {
      if (!isMissing(error) || attempts === maxAttempts) throw error;
      await setTimeout(attemptsEveryMs);
    }
  }
}

const attemptsEveryMs = 500;
const maxAttempts = 40;

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
