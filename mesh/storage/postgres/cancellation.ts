import type pg from 'pg';
import { withClient } from './create-database.ts';
import { destroy, type Pool } from './pool.ts';

// How long the server has to accept a cancellation, and twice as long to end the statement.
const cancelTimeoutMs = 1000;

/** A signal that may cancel a statement. */
export interface Cancellation {
  /** Ends it. Returns whether it was cancelled: a late cancellation must not hit the next user of the connection. */
  settled(): Promise<boolean>;
}

/** Cancels the statement in progress when the signal aborts. If the server does not obey, closes the connection. */
export function cancelOnAbort(pool: Pool, client: pg.PoolClient, pid: number, signal: AbortSignal): Cancellation {
  let cancelling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    cancelling = cancelBackend(pool, client, pid);
    timer = setTimeout(destroy, 2 * cancelTimeoutMs, client);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    async settled() {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      await cancelling;
      return cancelling !== undefined;
    },
  };
}

async function cancelBackend(pool: Pool, client: pg.PoolClient, pid: number): Promise<void> {
  try {
    const config = {
      ...pool.sessions.config,
      connectionTimeoutMillis: cancelTimeoutMs,
      query_timeout: cancelTimeoutMs,
    };
    await withClient(config, (other) => other.query('SELECT pg_cancel_backend($1)', [pid]));
  } catch {
    destroy(client);
  }
}
