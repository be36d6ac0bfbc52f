import { type PostgresServer, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { loadCore, pin, serverCore } from './server.ts';

/** Starts a durable PostgreSQL on the servers' core. The stack stops it. */
export async function startDatabase(stack: AsyncDisposableStack): Promise<PostgresServer> {
  // Child processes inherit the core of this process.
  pin(process.pid, serverCore);
  try {
    return stack.adopt(await startPostgres({ durable: true }), ({ stop }) => stop());
  } finally {
    pin(process.pid, loadCore);
  }
}
