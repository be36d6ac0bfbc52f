import type { Row } from '../storage.ts';
import type { Connection } from './connection.ts';
import { postgresError } from './errors.ts';

// Shorter than the time limit of a service's check, so the check reports what it waited for.
const writeTimeoutMs = 4000;

// A process that was blocked reads what has arrived before it decides that the server is silent.
const readingMs = 250;

/** What to do when a server does not answer. */
export interface Silence {
  readonly silentAfterMs: number;
  readonly onSilent: () => void;
}

/**
 * Runs and commits a statement on `connection`, in one message and within 4 s, so a process that is stopped in between holds
 * no locks. Releases the connection.
 */
export async function writeOnce(
  connection: Connection,
  sql: string,
  server: string,
  { silentAfterMs, onSilent }: Silence,
): Promise<readonly Row[]> {
  let timer = setTimeout(() => {
    timer = setTimeout(onSilent, readingMs);
  }, silentAfterMs);
  try {
    return await connection.script(`BEGIN; SET LOCAL statement_timeout = '${writeTimeoutMs}ms'; ${sql}; COMMIT`);
  } catch (error) {
    throw postgresError(error, sql, server);
  } finally {
    clearTimeout(timer);
    connection.release();
  }
}

/** The statement with its numbers in the text, because one message with several statements takes no parameters. */
export function withNumbers(sql: string, params: readonly (number | null)[]): string {
  return sql.replaceAll(/\$(\d+)/g, (_, digits: string) => String(params[Number(digits) - 1]));
}
