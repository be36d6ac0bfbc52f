import type pg from 'pg';
import { withClient } from './create-database.ts';

// A transaction awaits only its own statements, so an idle one belongs to a process that is stopped or cut off. Without a
// limit the rows that it locked would stay locked for hours.
const settings = { synchronous_commit: 'on', idle_in_transaction_session_timeout: '10s' };

/** How settings reach the sessions of a server. */
export interface Sessions {
  /** How connections are opened. */
  readonly config: pg.ClientConfig;
  /**
   * Whether a pooler, such as PgBouncer, gives a connection another session for each transaction. Then a session keeps nothing
   * for the next transaction.
   */
  readonly pooled: boolean;
  /** Begins a transaction with the settings. Behind a pooler its last row has the `pid` of the session. */
  readonly begin: string;
}

const pooledBegin = `BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_backend_pid() AS pid, ${Object.entries(settings)
  .map(([name, value]) => `set_config('${name}', '${value}', true)`)
  .join(', ')}`;

/** Finds out how `config` has to be used. */
export async function openSessions(config: pg.ClientConfig): Promise<Sessions> {
  if (await isPooled(config)) return { config, pooled: true, begin: pooledBegin };
  const ofSession = { ...settings, default_transaction_isolation: 'read\\ committed' };
  const options = Object.entries(ofSession).map(([name, value]) => `-c ${name}=${value}`);
  return { config: { ...config, options: options.join(' ') }, pooled: false, begin: 'BEGIN' };
}

/** A pooler makes up the process id that it sends to a client, because it does not know the session yet. */
async function isPooled(config: pg.ClientConfig): Promise<boolean> {
  let pooled = false;
  await withClient(config, async (client) => {
    const { rows } = await client.query<{ pid: bigint }>('SELECT pg_backend_pid() AS pid');
    pooled = rows[0]?.pid !== BigInt(processIdOf(client));
  });
  return pooled;
}

/** The process id that the server sent when it accepted the connection. */
export function processIdOf(client: pg.ClientBase): number {
  // pg sets it on every connected client, but its types do not have it.
  return (client as pg.ClientBase & { readonly processID: number }).processID;
}
