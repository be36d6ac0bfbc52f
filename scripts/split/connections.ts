import { withClient } from '../../mesh/storage/postgres/create-database.ts';
import type { Replicas } from './plan.ts';

// The connections to PostgreSQL that the processes of a mesh share.

/** Of each database that a process opens: one checks it, one listens. */
const besidesPool = 2;
/** Their databases besides their own, and how many connections each has: `carrier`, and `tasks` for dead letters. */
const more: Readonly<Record<string, number>> = { shipping: 4, notification: 2, ops: 2 };
/** Services without a database. */
const withoutDatabase = ['gateway', 'bridge', 'ops'];

/** Returns how many connections the instances of these services have at most. */
export function connectionsOf(services: readonly string[], replicas: Replicas, poolSize: number): number {
  const perInstance = (service: string) =>
    (withoutDatabase.includes(service) ? 0 : poolSize + besidesPool) + (more[service] ?? 0);
  return services.reduce((sum, service) => sum + replicas(service) * perInstance(service), 0);
}

/**
 * Returns what is wrong if the server of `DATABASE_URL` accepts fewer connections than the processes need, or undefined. If it
 * cannot be reached, the processes report that.
 */
export async function connectionFault(databaseUrl: string, needed: number): Promise<string | undefined> {
  const url = new URL(databaseUrl.replaceAll('<service>', 'postgres'));
  url.pathname = '/postgres';
  const accepted = await readAccepted(url.href).catch(() => undefined);
  if (accepted === undefined || needed <= accepted.connections) return undefined;
  return `the processes need up to ${needed} connections, but PostgreSQL at ${url.host} accepts ${accepted.connections}: set its max_connections to ${needed + accepted.reserved}, or reduce REPLICAS or DATABASE_POOL_SIZE; if it is behind a pooler, set DATABASE_DIRECT_URL`;
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
