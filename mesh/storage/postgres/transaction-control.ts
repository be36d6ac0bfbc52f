import type { Connection } from './connection.ts';
import { commitError, connectError } from './errors.ts';
import type { Failed } from './run-work.ts';

/** Begins a transaction with `sql`; throws why that failed. */
export async function begin(connection: Connection, server: string, sql = 'BEGIN'): Promise<void> {
  try {
    await connection.script(sql);
  } catch (error) {
    throw connectError(error, server);
  }
}

/** Commits; returns why that failed. */
export async function commit(connection: Connection, server: string): Promise<Failed | undefined> {
  try {
    await connection.script('COMMIT');
    return undefined;
  } catch (error) {
    return { error: commitError(error, server), engineError: error };
  }
}

/** Rolls back. When that fails the connection is closed, and the server does it by itself. */
export async function rollback(connection: Connection): Promise<void> {
  await connection.script('ROLLBACK').catch(() => undefined);
}
