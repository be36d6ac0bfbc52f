import type { Row } from '../storage.ts';
import type { Connection } from './connection.ts';
import { postgresError } from './errors.ts';

// Less than a service's check may take, so that it says what it waited for.
const timeoutMs = 4000;

// A process that was busy for long reads what has come before it judges.
const readingMs = 250;

/** What is done when a server does not answer. */
export interface Silence {
  readonly silentAfterMs: number;
  readonly onSilent: () => void;
}

/**
 * Runs and commits a statement on `connection`, in one message, within 4 s: a process that is stopped in between has nothing
 * locked. Gives the connection back.
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
    return await connection.script(`BEGIN; SET LOCAL statement_timeout = '${timeoutMs}ms'; ${sql}; COMMIT`);
  } catch (error) {
    throw postgresError(error, sql, server);
  } finally {
    clearTimeout(timer);
    connection.release();
  }
}

/** The statement with its numbers in the text: one message with several statements has no parameters. */
export function withNumbers(sql: string, params: readonly (number | null)[]): string {
  return sql.replaceAll(/\$(\d+)/g, (_, digits: string) => String(params[Number(digits) - 1]));
}
