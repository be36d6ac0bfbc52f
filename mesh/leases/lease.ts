import { randomUUID } from 'node:crypto';
import { nowSql } from '../storage/sql.ts';
import type { Migration, Queryable, Storage } from '../storage/storage.ts';

/** The right of one process to do something that must run once, however many share the database. */
export interface Lease {
  /** Takes or renews it. Returns false while another holds it. */
  take(db: Queryable): Promise<boolean>;
  /** Renews it. Returns false if it was lost. */
  renew(db: Queryable): Promise<boolean>;
  /** Releases it, if it is still held here. */
  release(db: Queryable): Promise<void>;
}

export interface LeaseOptions {
  /** How long it is held after it was taken or renewed. Default: 10 s. */
  readonly leaseMs?: number;
  /** Who holds it. Default: a random id. */
  readonly holder?: string;
}

export const defaultLeaseMs = 10_000;

const migrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE lease (
        name TEXT NOT NULL PRIMARY KEY,
        holder TEXT NOT NULL,
        until_ms BIGINT NOT NULL,
        last_end_ms BIGINT NOT NULL,
        note TEXT NOT NULL
      );`,
  },
];

/** Creates the row of a lease that has none. What it is about counts as done now. */
export async function prepareLease(storage: Storage, name: string): Promise<void> {
  await storage.migrate('leases', migrations);
  await storage.execute(
    `INSERT INTO lease (name, holder, until_ms, last_end_ms, note)
     VALUES ($1, '', 0, ${nowSql(storage)}, '') ON CONFLICT (name) DO NOTHING`,
    [name],
  );
}

/**
 * Creates a lease; `prepareLease` creates its row. It expires by the clock of the database, which all processes share. One
 * that would expire later than possible was taken while that clock was wrong, and is free.
 */
export function createLease(storage: Storage, name: string, options: LeaseOptions = {}): Lease {
  const { leaseMs = defaultLeaseMs, holder = randomUUID() } = options;
  const now = nowSql(storage);
  return {
    take: async (db) =>
      (await db.execute(
        `UPDATE lease SET holder = $2, until_ms = ${now} + $3
         WHERE name = $1 AND (holder = $2 OR until_ms <= ${now} OR until_ms > ${now} + $3)`,
        [name, holder, leaseMs],
      )) === 1,
    renew: async (db) =>
      (await db.execute(`UPDATE lease SET until_ms = ${now} + $3 WHERE name = $1 AND holder = $2`, [
        name,
        holder,
        leaseMs,
      ])) === 1,
    async release(db) {
      await db.execute(`UPDATE lease SET holder = '', until_ms = 0 WHERE name = $1 AND holder = $2`, [name, holder]);
    },
  };
}
