import { withClient } from '../../mesh/storage/postgres/create-database.ts';
import type { Replicas } from './plan.ts';

// The connections to PostgreSQL that the processes of a mesh share.

/** Their databases have a connection more, which listens. */
const listening = ['order', 'payment', 'report'];
/** The connections to databases that a service opens next to its own. `tasks` has dead letters. */
const others: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  shipping: { carrier: 3 },
  notification: { tasks: 2 },
  ops: { tasks: 2 },
};
/** Services without a database. */
const withoutDatabase = ['gateway', 'bridge'];

/** Returns how many connections the instances of these services have at most. */
export function connectionsOf(services: readonly string[], replicas: Replicas, poolSize: number): number {
  return [...connectionsByDatabase(services, replicas, poolSize).values()].reduce((sum, count) => sum + count, 0);
}

/** Returns the same for each database. A service has the database of its name. */
export function connectionsByDatabase(services: readonly string[], replicas: Replicas, poolSize: number) {
  const byDatabase = new Map<string, number>();
  for (const service of services) {
    // One is not in the pool: it checks the database.
    const count = poolSize + 1 + (listening.includes(service) ? 1 : 0);
    const own = withoutDatabase.includes(service) ? {} : { [service]: count };
    for (const [database, count] of Object.entries({ ...own, ...others[service] }))
      byDatabase.set(database, (byDatabase.get(database) ?? 0) + replicas(service) * count);
  }
  return byDatabase;
}

/**
 * Returns what is wrong if the server of `DATABASE_URL` accepts fewer connections than the processes need, or undefined. If it
 * cannot be reached, the processes report that.
 */
export async function connectionFault(databaseUrl: string, needed: number): Promise<string | undefined> {
  const url = new URL(databaseUrl.replaceAll('<service>', 'postgres'));
  url.pathname = '/postgres';
  // The processes report a server that cannot be asked, with the reason.
  const accepted = await readAccepted(url.href).catch(() => undefined);
  if (accepted === undefined || needed <= accepted.connections) return undefined;
  return (
    `the processes need up to ${needed} connections, but PostgreSQL at ${url.host} accepts ${accepted.connections}: ` +
    `set its max_connections to ${needed + accepted.reserved}, or reduce REPLICAS or DATABASE_POOL_SIZE; ` +
    'if it is behind a pooler, set DATABASE_DIRECT_URL'
  );
}

interface Accepted {
  readonly connections: number;
  /** For superusers. */
  readonly reserved: number;
}

async function readAccepted(connectionString: string): Promise<Accepted | undefined> {
  let accepted: Accepted | undefined;
  await withClient({ connectionString, connectionTimeoutMillis: 5_000 }, async (client) => {
    const { rows } = await client.query<Record<'allowed' | 'reserved', string>>(
      `SELECT current_setting('max_connections') AS allowed, current_setting('superuser_reserved_connections') AS reserved`,
    );
    const [{ allowed, reserved } = { allowed: '0', reserved: '0' }] = rows;
    accepted = { connections: Number(allowed) - Number(reserved), reserved: Number(reserved) };
  });
  return accepted;
}
